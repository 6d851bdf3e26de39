"""This module holds what the command line of `stats-feed ckpool` says, as values."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from stats_feed.flags import CommonOptions, add_common, add_sending, common_options, positive
from stats_feed.gateways import Destination, Service

DESCRIPTION = """\
Read the status files that ckpool, ckpool-solo and their forks write, and send
the workers in them to stats-proxy until stopped.
"""

EXAMPLE = """\
example: a ckpool that was started with --logdir /var/log/ckpool
  stats-feed ckpool --log-dir /var/log/ckpool --source ckpool

exit codes: 0 stopped, 1 the directory is not ckpool's, 2 bad flags
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CkpoolOptions:
    """One run."""

    common: CommonOptions
    log_dir: Path
    source: str
    to: tuple[Destination, ...]
    idle: float


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of `ckpool`."""
    group = parser.add_argument_group("what to read")
    group.add_argument(
        "--log-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="ckpool's log directory, with the folders 'pool' and 'users'",
    )
    group.add_argument(
        "--source",
        default="ckpool",
        metavar="NAME",
        help="the source label (default %(default)s)",
    )
    group.add_argument(
        "--idle",
        type=positive,
        default=600.0,
        metavar="SECONDS",
        help="a worker is there while its last share is younger (default %(default)g)",
    )
    to_help = "a stats-proxy; repeat it for several (default 127.0.0.1:8082)"
    add_sending(parser.add_argument_group("where to send"), to_help, interval=10.0)
    add_common(parser)


def read_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> CkpoolOptions:
    """Turn the parsed flags into options; exits with 2 when they contradict each other."""
    values = vars(arguments).copy()
    common = common_options(values)
    to = tuple(values.pop("to"))
    if any(one.service is Service.POOL for one in to):
        parser.error("--to pool=…: workers are miners, and go to a stats-proxy")
    return CkpoolOptions(common=common, to=to, **values)
