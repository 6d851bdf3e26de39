"""This module holds what the command line of `stats-feed sri` says, as values."""

import argparse
from dataclasses import dataclass
from urllib.parse import urlsplit

from stats_feed.flags import (
    CommonOptions,
    add_common,
    add_sending,
    address,
    common_options,
    positive,
    whole,
)
from stats_feed.gateways import Destination
from stats_feed.health import Address
from stats_feed.sri.api.http import checked_url
from stats_feed.sri.api.reading import BULK_ABOVE
from stats_gateway.sender import ConnectionType

DESCRIPTION = """\
Read the monitoring API of SRI's pool, JD client or translator, or of
hashpool's pool or translator, and send what it says to stats-pool or
stats-proxy until stopped. Which program it is, is found out.
"""

EXAMPLE = """\
example: a translator and a pool on this machine, to the services beside them
  stats-feed sri --url http://127.0.0.1:9092 --source translator-1 \\
                 --url http://127.0.0.1:9090 --source pool-1

exit codes: 0 stopped, 1 what answers is no API that can be read, 2 bad flags
"""

CACHE_REFRESH = 15.0
"""Seconds between two refreshes of the API's cache, where its operator has not set others."""

CLIENT_TYPES = {
    "translator": ConnectionType.TRANSLATOR,
    "job-declarator": ConnectionType.JOB_DECLARATOR,
    "miner": ConnectionType.MINER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SriOptions:
    """One run: `targets` are URLs with their source names."""

    common: CommonOptions
    targets: tuple[tuple[str, str], ...]
    to: tuple[Destination, ...]
    channels_to: tuple[Address, ...]
    cache_refresh: float
    bulk_above: int
    unknown_type: ConnectionType
    upstream: str | None
    redact_ip: bool


def url(text: str) -> str:
    """Read http://HOST:PORT."""
    try:
        return checked_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of `sri`."""
    _add_source(parser)
    group = parser.add_argument_group("where to send")
    add_sending(
        group,
        "a service; repeat it for several. A translator's rows go to stats-proxy (default "
        "127.0.0.1:8082), a pool's and a JD client's to stats-pool (default 127.0.0.1:9083). "
        "With URLs of both kinds say which: proxy=HOST:PORT, pool=HOST:PORT",
        interval=10.0,
    )
    group.add_argument(
        "--channels-to",
        type=address,
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a stats-proxy that gets each channel of a pool as a miner; repeat it for several",
    )
    add_common(parser)


def _add_source(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to read")
    group.add_argument(
        "--url",
        type=url,
        action="append",
        required=True,
        dest="urls",
        metavar="URL",
        help="the API, as http://HOST:PORT; repeat it for several",
    )
    group.add_argument(
        "--source",
        action="append",
        default=[],
        dest="sources",
        metavar="NAME",
        help="the source label of the URL at the same place (default: its HOST:PORT)",
    )
    group.add_argument(
        "--cache-refresh",
        type=positive,
        default=CACHE_REFRESH,
        metavar="SECONDS",
        help="the API's own monitoring_cache_refresh_secs (default %(default)g); 5 is better",
    )
    group.add_argument(
        "--client-type",
        choices=CLIENT_TYPES,
        default="translator",
        dest="unknown_type",
        help="what a pool's client is taken for when the pool does not know (default %(default)s)",
    )
    group.add_argument(
        "--bulk-above",
        type=whole,
        default=BULK_ABOVE,
        metavar="N",
        help="read a pool with more clients than this in one request, from its /metrics; "
        "work may be unknown then (default %(default)s)",
    )
    group.add_argument(
        "--upstream",
        metavar="HOST:PORT",
        help="the pool that a translator works for, which the API does not tell",
    )
    group.add_argument(
        "--redact-ip", action="store_true", help="do not send the addresses of miners"
    )


def read_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> SriOptions:
    """Turn the parsed flags into options; exits with 2 when they contradict each other."""
    values = vars(arguments).copy()
    common = common_options(values)
    urls, sources = values.pop("urls"), values.pop("sources")
    if sources and len(sources) != len(urls):
        parser.error(f"{len(urls)} --url and {len(sources)} --source: give one for each, or none")
    names = sources or [urlsplit(one).netloc for one in urls]
    if len(set(names)) < len(names):
        parser.error("two URLs have one source name: each needs its own --source")
    unknown_type = CLIENT_TYPES[values.pop("unknown_type")]
    return SriOptions(
        common=common,
        targets=tuple(zip(urls, names, strict=True)),
        to=tuple(values.pop("to")),
        channels_to=tuple(values.pop("channels_to")),
        unknown_type=unknown_type,
        **values,
    )
