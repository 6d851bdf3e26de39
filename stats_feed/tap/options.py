"""This module holds what the command line of `stats-feed tap` says, as values."""

import argparse
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from stats_feed.flags import (
    CommonOptions,
    add_common,
    add_sending,
    address,
    common_options,
    listen_address,
    not_negative,
    whole,
)
from stats_feed.gateways import Destination, Service
from stats_feed.health import Address
from stats_feed.tap.access.admission import AdmissionRules, Network
from stats_feed.tap.access.proxy_protocol import Version
from stats_feed.tap.passing.upstreams import Upstream

DESCRIPTION = """\
Pass Stratum V1 through, unchanged, between miners and the pool or translator
that they were connected to before; read a copy, and send what it says about
each worker to stats-proxy until stopped.
"""

EXAMPLE = """\
example: miners connect to port 3333 here, the pool is elsewhere
  stats-feed tap --listen 0.0.0.0:3333 --upstream pool.example:3333

exit codes: 0 stopped, 1 an address or a file cannot be used, 2 bad flags
"""

TLS = "tls://"

MAX_WORKERS = 64
"""More than a machine has cores to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapOptions:
    """One run. `listen` are addresses, and whether each speaks TLS."""

    common: CommonOptions
    listen: tuple[tuple[Address, bool], ...]
    upstreams: tuple[Upstream, ...]
    upstream_ca: Path | None
    certificate: Path | None
    key: Path | None
    source: str
    to: tuple[Destination, ...]
    admission: AdmissionRules
    proxies: tuple[Network, ...]
    proxy_out: Version | None
    silent: float | None
    drain: float
    workers: int
    redact_names: bool
    redact_ip: bool


def listening(text: str) -> tuple[Address, bool]:
    """Read HOST:PORT or tls://HOST:PORT."""
    return listen_address(text.removeprefix(TLS)), text.startswith(TLS)


def upstream(text: str) -> Upstream:
    """Read HOST:PORT or tls://HOST:PORT."""
    return Upstream(address(text.removeprefix(TLS)), text.startswith(TLS))


def network(text: str) -> Network:
    """Read an address or a network: 10.0.0.0/8."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add every flag of `tap`."""
    _add_passing(parser.add_argument_group("what to pass through"))
    _add_access(parser.add_argument_group("who may connect"))
    _add_tls(parser.add_argument_group("TLS and the PROXY protocol"))
    group = parser.add_argument_group("where to send")
    to_help = "a stats-proxy; repeat it for several (default 127.0.0.1:8082)"
    add_sending(group, to_help, interval=10.0)
    group.add_argument(
        "--source", default="tap", metavar="NAME", help="the source label (default %(default)s)"
    )
    group.add_argument(
        "--redact-names",
        action="store_true",
        help="of a worker's name send only what follows its first dot: before it may be a wallet",
    )
    group.add_argument(
        "--redact-ip", action="store_true", help="do not send the addresses of miners"
    )
    add_common(parser)


def _add_passing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--listen",
        type=listening,
        action="append",
        required=True,
        metavar="HOST:PORT",
        help="where miners connect, with TLS as tls://HOST:PORT; repeat it for several",
    )
    group.add_argument(
        "--upstream",
        type=upstream,
        action="append",
        required=True,
        dest="upstreams",
        metavar="HOST:PORT",
        help="where their connections go, with TLS as tls://HOST:PORT; repeat it for others, which "
        "new connections take while those before cannot be reached",
    )
    group.add_argument(
        "--silent",
        type=not_negative,
        default=900.0,
        metavar="SECONDS",
        help="close a connection in which neither side writes for so long; 0 never does "
        "(default %(default)g)",
    )
    group.add_argument(
        "--drain",
        type=not_negative,
        default=0.0,
        metavar="SECONDS",
        help="after SIGTERM take in nobody more, and wait so long for the miners to leave by "
        "themselves (default %(default)g)",
    )
    group.add_argument(
        "--workers",
        type=whole,
        default=1,
        metavar="N",
        help="processes that share the ports; bounds of connections for one address are each "
        "worker's own (default %(default)s, which is enough for some thousands of miners)",
    )


def _add_access(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--allow-networks",
        type=network,
        action="append",
        default=[],
        dest="networks",
        metavar="NETWORK",
        help="miners come from here only, as 10.0.0.0/8; repeat it for several "
        "(default: from everywhere)",
    )
    group.add_argument(
        "--max-connections",
        type=whole,
        default=20_000,
        metavar="N",
        help="of miners at once (default %(default)s)",
    )
    group.add_argument(
        "--max-connections-per-address",
        type=whole,
        dest="max_per_address",
        metavar="N",
        help="of one IPv4 address, or one /64 network of IPv6 (default: no bound of its own, since "
        "farms share one)",
    )


def _add_tls(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tls-certificate",
        type=Path,
        dest="certificate",
        metavar="FILE",
        help="the certificate chain for --listen tls://…, in PEM; read again when it changes",
    )
    group.add_argument(
        "--tls-key", type=Path, dest="key", metavar="FILE", help="its private key, in PEM"
    )
    group.add_argument(
        "--upstream-ca",
        type=Path,
        metavar="FILE",
        help="CAs that --upstream tls://… is verified by (default: those of this machine)",
    )
    group.add_argument(
        "--proxy-protocol-from",
        type=network,
        action="append",
        default=[],
        dest="proxies",
        metavar="NETWORK",
        help="connections from here begin with a PROXY header, version 1 or 2; repeat it for "
        "several",
    )
    group.add_argument(
        "--proxy-protocol-out",
        choices=[one.value for one in Version],
        dest="proxy_out",
        help="begin connections to upstreams with a PROXY header; ckpool and SRI do not know it",
    )


def read_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> TapOptions:
    """Turn the parsed flags into options; exits with 2 when they contradict each other."""
    values = vars(arguments).copy()
    common = common_options(values)
    to = tuple(values.pop("to"))
    if any(one.service is Service.POOL for one in to):
        parser.error("--to pool=…: workers are miners, and go to a stats-proxy")
    if len(set(values["upstreams"])) < len(values["upstreams"]):
        parser.error("two --upstream are the same")
    has_tls = any(tls for _, tls in values["listen"])
    if has_tls != (values["certificate"] is not None) or has_tls != (values["key"] is not None):
        parser.error("--listen tls://…, --tls-certificate and --tls-key belong together")
    if not 1 <= values["workers"] <= MAX_WORKERS:
        parser.error(f"--workers: from 1 to {MAX_WORKERS}")
    admission = AdmissionRules(
        networks=tuple(values.pop("networks")),
        max_connections=values.pop("max_connections"),
        max_per_address=values.pop("max_per_address"),
    )
    proxy_out = values.pop("proxy_out")
    return TapOptions(
        common=common,
        listen=tuple(values.pop("listen")),
        upstreams=tuple(values.pop("upstreams")),
        to=to,
        admission=admission,
        proxies=tuple(values.pop("proxies")),
        proxy_out=None if proxy_out is None else Version(proxy_out),
        silent=values.pop("silent") or None,
        **values,
    )
