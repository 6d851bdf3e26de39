"""This module defines and checks the command line of `stats-history`."""

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path

from stats_gateway import __version__
from stats_history.reading.old_schema import Kind

DESCRIPTION = "Move the history in an old stats-proxy or stats-pool database into Prometheus."
EXIT_CODES = """\
exit codes:
  0    done, also when there was nothing to do
  1    failed; the message says why
  2    the command line is wrong
  3    refused: something would be lost
  130  interrupted; run the same command again to go on
"""
IMPORT_HELP = """\
examples:
  stats-history import stats.db --dry-run
  stats-history import stats.db --into /var/lib/prometheus/data --rules recording.yml \\
    --to 2026-01-31T12:00:00Z
  stats-history import metrics.db --kind pool --out history.om

The database is only read, and the old service may go on writing it. A run that was killed, and a
later run of the same command, go on where the last run ended. The labels must be those of the live
series, or the graphs break where history meets them: look at {source, job, instance} of
stratum_proxy_hashrate_hashes_per_second in Prometheus.

--into needs promtool on the PATH, and --rules needs prometheus there.

"""
RETIRE_HELP = """\
example:
  stats-history retire stats.db --state /var/lib/prometheus/data/stats-history-1f2e3d4c.json

Drops current_stats, pool_info and balance, which mirrored the present. The time series stay.

"""
LATEST_SECONDS = 100_000_000_000
"""The year 5138: a greater number is meant in milliseconds."""

_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = {"source", "job", "instance", "downstream_id", "name", "connection_type", "state"}


def parser() -> argparse.ArgumentParser:
    """The parser of both subcommands."""
    whole = argparse.ArgumentParser(
        prog="stats-history",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_import(_command(commands, "import", "write its history for Prometheus", IMPORT_HELP))
    purpose = "back it up, then drop the tables that only mirrored the present"
    _add_retire(_command(commands, "retire", purpose, RETIRE_HELP))
    return whole


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    purpose: str,
    examples: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=purpose,
        epilog=examples + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("database", metavar="DB", type=Path, help="the old SQLite database")
    add("--state", metavar="FILE", type=Path, help="the file that records the import's progress")
    return command


def _add_import(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--out", metavar="FILE", type=Path, help="OpenMetrics text; a folder gets a file per slice"
    )
    where.add_argument(
        "--into", metavar="DIR", type=Path, help="blocks in Prometheus's data directory"
    )
    add(
        "--rules",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="with --into: also write the series that these recording rules of Prometheus would "
        "have made, which the boards show; repeatable",
    )
    add("--kind", choices=["auto", *Kind], default="auto", help="which service wrote DB")
    add("--source", metavar="NAME", type=_value, default="127.0.0.1", help="default: %(default)s")
    add("--job", metavar="NAME", type=_value, help="default: stats-proxy or stats-pool")
    add(
        "--instance",
        metavar="NAME",
        type=_value,
        help="default: 127.0.0.1:8084 or 127.0.0.1:9084",
    )
    add(
        "--label",
        metavar="NAME=VALUE",
        type=_label,
        action="append",
        default=[],
        help="a further label of the live series, such as site=a; repeatable",
    )
    add("--dry-run", action="store_true", help="read everything, write nothing, and report")
    add("--from", dest="since", metavar="TIME", type=_time, help="first time to import")
    add(
        "--to",
        dest="until",
        metavar="TIME",
        type=_time,
        help="first time not to import: when the new service began; unix seconds or ISO 8601",
    )


def _add_retire(command: argparse.ArgumentParser) -> None:
    command.add_argument("--backup", metavar="FILE", type=Path, help="default: DB.before-retire")
    command.add_argument("--yes", action="store_true", help="do not ask")


def _value(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a label without a value is no label")
    return text


def _label(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not _LABEL_NAME.fullmatch(name) or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not like site=a")
    if name in _OWN_LABELS:
        raise argparse.ArgumentTypeError(f"the label {name} is set by the import itself")
    return name, value


def _time(text: str) -> int:
    """Unix seconds, or ISO 8601, in UTC unless the text says otherwise."""
    try:
        seconds = int(float(text))
    except (ValueError, OverflowError):
        return _iso_time(text)
    if seconds > LATEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is after the year 5000: give seconds, not ms")
    return seconds


def _iso_time(text: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither unix seconds nor ISO 8601") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
