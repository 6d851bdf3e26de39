"""What the command line of `stats-feed simulate` says, as values."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from stats_feed.simulate.fleet import MIN_FIELD_MINERS

__all__ = ["DESCRIPTION", "EXAMPLE", "SimulateOptions", "add_flags", "read_options"]

# Miners a minute that come and go in the field, unless --churn says otherwise.
FIELD_CHURN = 2.0

DESCRIPTION = (
    "Simulate a translator with its miners and a pool with its connections, and send their "
    "snapshots to stats-proxy and stats-pool until stopped."
)

EXAMPLE = """\
example: a fleet of 200 that misbehaves as real ones do, the same one each time
  stats-feed simulate --miners 200 --scenario field --seed 7

scenarios
  calm   a healthy fleet: everyone connected, a few late shares refused
  field  miners come and go, one stalls, one reconnects under a new id every three minutes, two
         have one name; the upstream is lost after five minutes and leaves ghost rows behind;
         the mint, the job declarator and translators leave the pool and come back
"""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """One run. `None` as an address sends nothing there; as a duration, runs until stopped."""

    proxy: Address | None
    pool: Address | None
    proxy_source: str
    pool_source: str
    token: str | None
    miners: int
    translators: int
    shares_per_minute: float
    churn: float
    troubled: bool
    interval: float
    seed: int | None
    duration: float | None


def address(text: str) -> Address | None:
    """Read HOST:PORT, [IPV6]:PORT or `none`."""
    if text == "none":
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT or 'none'")
    return host.removeprefix("[").removesuffix("]"), int(port)


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


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of `simulate`."""
    _add_destination(parser)
    _add_world(parser)
    _add_run(parser)


def _add_destination(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to send")
    for service, default, sender, source in (
        ("proxy", "127.0.0.1:8082", "translator", "translator-1"),
        ("pool", "127.0.0.1:9083", "pool", "pool-1"),
    ):
        group.add_argument(
            f"--{service}",
            type=address,
            default=default,
            metavar="HOST:PORT",
            help=f"stats-{service}, or 'none' (default %(default)s)",
        )
        group.add_argument(
            f"--{service}-source",
            default=source,
            metavar="NAME",
            help=f"the {sender}'s source label (default %(default)s)",
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
        default=10.0,
        metavar="SECONDS",
        help="between two snapshots (default %(default)g)",
    )


def _add_world(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to simulate")
    group.add_argument(
        "--scenario",
        choices=["calm", "field"],
        default="field",
        help="see below (default %(default)s)",
    )
    group.add_argument(
        "--miners",
        type=whole,
        default=25,
        metavar="N",
        help="of the translator (default %(default)s)",
    )
    group.add_argument(
        "--translators",
        type=whole,
        default=3,
        metavar="N",
        help="of the pool, the simulated one included (default %(default)s)",
    )
    group.add_argument(
        "--shares-per-minute",
        type=positive,
        default=6.0,
        metavar="N",
        help="that vardiff aims at for each miner (default %(default)g)",
    )
    group.add_argument(
        "--churn",
        type=not_negative,
        metavar="N",
        help="miners a minute that leave and are followed by others "
        f"(default {FIELD_CHURN:g} in the field, 0 when calm)",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="repeats a run exactly (default: another one each time, logged)",
    )
    parser.add_argument(
        "--duration",
        type=positive,
        metavar="SECONDS",
        help="stop by itself after this time (default: run until SIGINT or SIGTERM)",
    )


def read_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> SimulateOptions:
    """Turn the parsed flags into options; exits with 2 when they contradict each other."""
    values = vars(arguments).copy()
    troubled = values.pop("scenario") == "field"
    if values["proxy"] is None and values["pool"] is None:
        parser.error("--proxy none and --pool none leave nobody to send to")
    least = MIN_FIELD_MINERS if troubled else 1
    if values["miners"] < least:
        parser.error(f"--miners {values['miners']}: this scenario needs at least {least}")
    if values["churn"] is None:
        values["churn"] = FIELD_CHURN if troubled else 0.0
    return SimulateOptions(troubled=troubled, **values)
