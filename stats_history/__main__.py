"""The command `stats-history`."""

import argparse
import hashlib
import sqlite3
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from stats_history.commands.importer import Plan, Wanted, carry_out, count, resume
from stats_history.commands.progress import Progress
from stats_history.commands.report import summary
from stats_history.commands.retire import check_imported, retire
from stats_history.errors import HistoryError, RefusedError
from stats_history.reading.old_database import OldDatabase
from stats_history.reading.old_schema import Kind
from stats_history.writing.outputs import BlockOutput, Output, TextOutput
from stats_history.writing.state import load, locked

JOBS = {Kind.PROXY: "stats-proxy", Kind.POOL: "stats-pool"}
INSTANCES = {Kind.PROXY: "127.0.0.1:8084", Kind.POOL: "127.0.0.1:9084"}
INTERRUPTED = 130

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
  stats-history import stats.db --into /var/lib/prometheus/data --to 2026-01-31T12:00:00Z
  stats-history import metrics.db --kind pool --out history.om

The database is only read, and the old service may go on writing it. A run that was killed, and a
later run of the same command, go on where the last one ended. The labels must be those of the live
series, or the graphs break where history meets them: look at {source, job, instance} of
stratum_proxy_hashrate_hashes_per_second in Prometheus.

"""
RETIRE_HELP = """\
example:
  stats-history retire stats.db --state /var/lib/prometheus/data/stats-history-1f2e3d4c.json

Drops current_stats, pool_info and balance, which mirrored the present. The time series stay.

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    arguments = _parser().parse_args(argv)
    now = int(time.time())
    try:
        if arguments.command == "import":
            _import(arguments, now)
        else:
            _retire(arguments, now)
    except HistoryError as error:
        return _complain(str(error), error.exit_code)
    except (OSError, sqlite3.DatabaseError) as error:
        return _complain(str(error), HistoryError.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted: run the same command again to go on", INTERRUPTED)
    return 0


def _import(arguments: argparse.Namespace, now: int) -> None:
    output = _output(arguments)
    kind = None if arguments.kind == "auto" else Kind(arguments.kind)
    with OldDatabase(arguments.database, kind) as database:
        wanted = _wanted(arguments, database.schema.kind)
        state_file = arguments.state or _state_file(output, database.path)
        if arguments.dry_run:
            state = load(state_file) if state_file else None
            _convert(database, Plan(database, wanted, output, state, now), None, now)
        elif output is None or state_file is None:
            raise HistoryError("say where to: --out FILE, --into PROMETHEUS_DATA_DIR, or --dry-run")
        else:
            with locked(state_file):
                plan = Plan(database, wanted, output, resume(state_file), now)
                _convert(database, plan, (output, state_file), now)
            _say(f"state file       {state_file}")


def _convert(
    database: OldDatabase, plan: Plan, target: tuple[Output, Path] | None, now: int
) -> None:
    if plan.last is None:
        _say("the database holds no samples")
        return
    progress = Progress(sys.stderr, plan.rows, time.monotonic())

    def done(rows: int) -> None:
        progress.add(rows, time.monotonic())

    try:
        if target is None:
            outcome = count(database, plan, done, now)
        else:
            outcome = carry_out(database, plan, *target, done, now)
    finally:
        progress.close()
    for line in summary(outcome, database.schema, now):
        _say(line)


def _retire(arguments: argparse.Namespace, now: int) -> None:
    path: Path = arguments.database
    if arguments.state is None:
        raise RefusedError("say which import to trust: --state FILE, as that import printed it")
    state = load(arguments.state)
    if state is None:
        raise RefusedError(f"there is no state file {arguments.state}: import the database first")
    check_imported(path, state, now)
    backup = arguments.backup or path.with_name(path.name + ".before-retire")
    if not arguments.yes and not _agreed(path, backup):
        raise RefusedError("nothing was changed: say yes, or give --yes")
    dropped = retire(path, backup)
    if dropped:
        _say(f"dropped {', '.join(dropped)}; the backup is {backup}")
    else:
        _say("nothing to drop: only time series are left")


def _agreed(path: Path, backup: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    question = f"Back {path} up to {backup} and drop what mirrored the present? Type yes: "
    return input(question).strip().lower() == "yes"


def _output(arguments: argparse.Namespace) -> Output | None:
    if arguments.into is not None:
        return BlockOutput(arguments.into)
    return None if arguments.out is None else TextOutput(arguments.out)


def _wanted(arguments: argparse.Namespace, kind: Kind) -> Wanted:
    labels = {
        "source": arguments.source,
        "job": arguments.job or JOBS[kind],
        "instance": arguments.instance or INSTANCES[kind],
    }
    return Wanted(labels=labels, since=arguments.since, until=arguments.until)


def _state_file(output: Output | None, database: Path) -> Path | None:
    """Beside the output: one for each file, or one for each database in a folder."""
    if output is None:
        return None
    if output.one_slice:
        return output.path.with_name(output.path.name + ".state.json")
    digest = hashlib.sha256(str(database.resolve()).encode()).hexdigest()
    return output.path / f"stats-history-{digest[:8]}.json"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(text: str, exit_code: int) -> int:
    sys.stderr.write(f"stats-history: {' '.join(text.split())}\n")
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stats-history",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_import(_command(commands, "import", "write its history for Prometheus", IMPORT_HELP))
    _add_retire(_command(commands, "retire", "drop what the import made needless", RETIRE_HELP))
    return parser


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
    command.add_argument("database", metavar="DB", type=Path, help="the old SQLite database")
    command.add_argument("--state", metavar="FILE", type=Path, help="how far the import is")
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
    add("--kind", choices=["auto", *Kind], default="auto", help="which service wrote DB")
    add("--source", metavar="NAME", default="127.0.0.1", help="default: %(default)s")
    add("--job", metavar="NAME", help="default: stats-proxy or stats-pool")
    add("--instance", metavar="NAME", help="default: 127.0.0.1:8084 or 127.0.0.1:9084")
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


def _time(text: str) -> int:
    """Unix seconds, or ISO 8601, in UTC unless it says otherwise."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither unix seconds nor ISO 8601") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


if __name__ == "__main__":
    sys.exit(main())
