"""This module holds the flags that every feed has, and what the values of flags may be."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from stats_feed.gateways import Destination, Service
from stats_feed.health import Address
from stats_feed.program.logs import FORMATS, LEVELS

WIDTH = 80
"""Columns that a line of `--help` may take, however wide the terminal is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What is the same for every feed. `health` is where its own metrics are served."""

    token: str | None
    interval: float
    health: Address | None
    log_level: str
    log_format: str
    check: bool


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Lines of at most 80 columns, with the texts around the flags as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH, max_help_position=26)


def address(text: str) -> Address:
    """Read HOST:PORT or [IPV6]:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen_address(text: str) -> Address:
    """Read HOST:PORT, where port 0 takes any free port and no host takes every interface."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def destination(text: str) -> Destination:
    """Read HOST:PORT, or with the service: proxy=HOST:PORT, pool=HOST:PORT."""
    service, mark, rest = text.partition("=")
    if not mark:
        return Destination(None, address(text))
    try:
        return Destination(Service(service), address(rest))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: {service!r} is neither 'proxy' nor 'pool'"
        ) from None


def positive(text: str) -> float:
    """Read a finite number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def not_negative(text: str) -> float:
    """Read a finite number of at least 0."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def whole(text: str) -> int:
    """Read a whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def token_file(text: str) -> str:
    """Read the token in a file, without the newline at its end."""
    try:
        token = Path(text).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error}") from error
    if not token:
        raise argparse.ArgumentTypeError(f"{text} is empty")
    return token


def add_sending(group: argparse._ArgumentGroup, to_help: str, *, interval: float) -> None:
    """Add the flags that say where the snapshots go."""
    group.add_argument(
        "--to",
        type=destination,
        action="append",
        default=[],
        metavar="HOST:PORT",
        help=to_help,
    )
    group.add_argument(
        "--token-file",
        type=token_file,
        dest="token",
        metavar="FILE",
        help="a file that holds the token the services ask for",
    )
    group.add_argument(
        "--interval",
        type=positive,
        default=interval,
        metavar="SECONDS",
        help="between two snapshots (default %(default)g)",
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how the feed runs."""
    group = parser.add_argument_group("how it runs")
    group.add_argument(
        "--web.listen-address",
        type=listen_address,
        dest="health",
        metavar="HOST:PORT",
        help="serve the feed's own /metrics here (default: nowhere)",
    )
    group.add_argument(
        "--log.level",
        choices=LEVELS,
        default="info",
        dest="log_level",
        help="the least important lines that are logged (default %(default)s)",
    )
    group.add_argument(
        "--log.format",
        choices=FORMATS,
        default="logfmt",
        dest="log_format",
        help="how log lines are written (default %(default)s)",
    )
    group.add_argument(
        "--config.check",
        action="store_true",
        dest="check",
        help="check the flags and the files they name, then exit",
    )


def common_options(values: dict[str, object]) -> CommonOptions:
    """Take the common flags out of the parsed ones."""
    taken = {name: values.pop(name) for name in CommonOptions.__dataclass_fields__}
    return CommonOptions(**taken)  # type: ignore[arg-type]  # argparse has made them what they are
