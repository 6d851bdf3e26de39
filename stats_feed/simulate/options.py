"""This module holds what the command line of `stats-feed simulate` says, as values."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stats_feed.flags import (
    CommonOptions,
    add_common,
    add_sending,
    address,
    common_options,
    not_negative,
    positive,
    whole,
)
from stats_feed.gateways import DEFAULTS, Destination, Service
from stats_feed.health import Address
from stats_feed.simulate.fleet import MIN_FIELD_MINERS

# Miners a minute that come and go in the field, unless --churn says otherwise.
FIELD_CHURN = 2.0

MAX_PAST = 86_400.0
"""Seconds: a day of 25 miners is caught up with in some seconds before the first snapshot."""

DESCRIPTION = """\
Simulate a translator with its miners and a pool with its connections, and send
their snapshots to stats-proxy and stats-pool until stopped.
"""

EXAMPLE = """\
example: a fleet of 200 that misbehaves as real ones do, the same one each time
  stats-feed simulate --miners 200 --scenario field --seed 7

scenarios
  calm   a healthy fleet: everyone connected, a few late shares refused
  field  miners come and go, one stalls, one reconnects under a new id every
         three minutes, two have one name; the upstream is lost after five
         minutes and leaves ghost rows behind; the mint, the job declarator and
         translators leave the pool and come back
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """One run. No addresses of a service send nothing to it; no duration runs until stopped.

    `began` is in unix seconds, and None when the simulation begins with the program.
    """

    common: CommonOptions
    proxy: tuple[Address, ...]
    pool: tuple[Address, ...]
    proxy_source: str
    pool_source: str
    miners: int
    translators: int
    shares_per_minute: float
    churn: float
    troubled: bool
    seed: int | None
    duration: float | None
    began: float | None
    commands: bool


def address_or_none(text: str) -> Address | None:
    """Read HOST:PORT, [IPV6]:PORT or `none`."""
    return None if text == "none" else address(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of `simulate`."""
    _add_destination(parser)
    _add_world(parser)
    _add_run(parser)


def _add_destination(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to send")
    for service, sender, source in (
        (Service.PROXY, "translator", "translator-1"),
        (Service.POOL, "pool", "pool-1"),
    ):
        host, port = DEFAULTS[service]
        group.add_argument(
            f"--{service.value}",
            type=address_or_none,
            action="append",
            default=[],
            metavar="HOST:PORT",
            help=f"stats-{service.value}, or 'none' (default {host}:{port}); repeat it for several",
        )
        group.add_argument(
            f"--{service.value}-source",
            default=source,
            metavar="NAME",
            help=f"the {sender}'s source label (default %(default)s)",
        )
    to_help = "the same as --proxy and --pool: proxy=HOST:PORT or pool=HOST:PORT"
    add_sending(group, to_help, interval=10.0)


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
    parser.add_argument(
        "--began",
        type=positive,
        metavar="TIME",
        help="unix seconds, a day ago at most: begin as though running since then (default: now)",
    )
    parser.add_argument(
        "--commands",
        action="store_true",
        help="obey standard input, a command a line: 'unplug' takes a miner away, "
        "'translator' stops the translator or starts it again",
    )
    add_common(parser)


def read_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> SimulateOptions:
    """Turn the parsed flags into options; exits with 2 when they contradict each other."""
    values = vars(arguments).copy()
    common = common_options(values)
    to: list[Destination] = values.pop("to")
    if any(one.service is None for one in to):
        parser.error("--to: say which service it is, as proxy=HOST:PORT or pool=HOST:PORT")
    proxy = _addresses(Service.PROXY, values.pop("proxy"), to)
    pool = _addresses(Service.POOL, values.pop("pool"), to)
    if not proxy and not pool:
        parser.error("--proxy none and --pool none leave nobody to send to")
    troubled = values.pop("scenario") == "field"
    least = MIN_FIELD_MINERS if troubled else 1
    if values["miners"] < least:
        parser.error(f"--miners {values['miners']}: this scenario needs at least {least}")
    if values["began"] is not None and not 0 <= time.time() - values["began"] <= MAX_PAST:
        parser.error("--began: must be within the last day")
    if values["churn"] is None:
        values["churn"] = FIELD_CHURN if troubled else 0.0
    return SimulateOptions(common=common, proxy=proxy, pool=pool, troubled=troubled, **values)


def parse(flags: Sequence[str], prog: str | None = None) -> SimulateOptions:
    """Read the flags of `simulate` alone; a mistake ends the program `prog` with exit code 2."""
    parser = argparse.ArgumentParser(prog=prog)
    add_flags(parser)
    return read_options(parser, parser.parse_args(flags))


def _addresses(
    service: Service, named: Sequence[Address | None], to: Sequence[Destination]
) -> tuple[Address, ...]:
    found = [*named, *(one.address for one in to if one.service is service)]
    return tuple(one for one in found or [DEFAULTS[service]] if one is not None)
