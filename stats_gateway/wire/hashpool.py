"""The dialect of hashpool's released Rust services: JSON objects told apart by their keys.

Each producer sends two kinds of line over two connections: what it knows of its downstreams
(TranslatorStatus, PoolStatus) and a sliding window of their shares (ServiceSnapshot). The first
two become the snapshots of `messages`; the window and the job declarator's line stay as they are.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct, field
from msgspec.structs import force_setattr

from stats_gateway.limits import MAX_SERVICES
from stats_gateway.wire.messages import (
    I64,
    U32,
    U64,
    ConnectionInfo,
    MinerInfo,
    ServiceInfo,
    UpstreamInfo,
    WalletInfo,
)

SERVICE_TYPES = ("Translator", "Pool")
"""The services that send windows."""

MAX_QUOTED = 64
"""Characters of a peer's text that a refusal quotes."""

MAX_JDS_BYTES = 1024
"""Longest JdsSnapshot: an address and a time take far less."""


class DownstreamMiner(MinerInfo, frozen=True, kw_only=True, gc=False):
    """A row of TranslatorStatus: a `MinerInfo` whose id has another name."""

    downstream_id: U32 = field(name="id")


class UpstreamPool(Struct, frozen=True, kw_only=True):
    """The first configured upstream; nothing says whether the translator is connected to it."""

    address: str


class TranslatorStatus(Struct, frozen=True, kw_only=True):
    """The translator's miners and wallet."""

    downstream_miners: Raw
    """An array of `DownstreamMiner`."""
    timestamp: U64
    ehash_balance: U64 | None = None
    upstream_pool: UpstreamPool | None = None
    blockchain_network: str | None = None


class DownstreamProxy(ConnectionInfo, frozen=True, kw_only=True, gc=False):
    """A row of PoolStatus: a translator, or a client of the job declarator.

    Its hashrate comes with the window, and when it connected is not known.
    """

    downstream_id: U32 = field(name="id")
    connection_type: str = ""
    hashrate: float | None = None
    connected_at: I64 | None = None
    work_selection: bool

    def __post_init__(self) -> None:
        """Tells the type by who selects the work."""
        kind = "Job Declarator" if self.work_selection else "Translator"
        force_setattr(self, "connection_type", kind)


class PoolStatus(Struct, frozen=True, kw_only=True):
    """The pool's services and connections."""

    services: Annotated[list[ServiceInfo], Meta(max_length=MAX_SERVICES)]
    downstream_proxies: Raw
    """An array of `DownstreamProxy`."""
    timestamp: U64
    listen_address: str | None = None


class WindowRow(Struct, frozen=True, kw_only=True, gc=False):
    """A downstream's shares in a sliding window that ends when the line was made."""

    downstream_id: U32
    name: str
    address: str | None = None
    shares_lifetime: U64
    shares_in_window: U64
    sum_difficulty_in_window: float | None
    window_seconds: U64


class ServiceSnapshot(Struct, frozen=True, kw_only=True):
    """The window of every downstream of a `Translator` or a `Pool`."""

    service_type: str
    downstreams: Raw
    """An array of `WindowRow`."""
    timestamp: U64

    def __post_init__(self) -> None:
        """Raises ValueError for another type; msgspec would quote the whole text of a `Literal`."""
        if self.service_type not in SERVICE_TYPES:
            raise ValueError(f"invalid service_type {self.service_type[:MAX_QUOTED]!r}")


class JdsSnapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job declarator says that it is there.

    Other fields are forbidden, since any line that lost its rows would look like this one.
    """

    listen_address: str
    timestamp: U64


def wallet_info(status: TranslatorStatus) -> WalletInfo | None:
    """The wallet, whose balance is 0 also where the translator could not read it."""
    return None if status.ehash_balance is None else WalletInfo(balance=status.ehash_balance)


def upstream_info(status: TranslatorStatus) -> UpstreamInfo | None:
    """The first upstream in the translator's configuration, and the network."""
    address = "" if status.upstream_pool is None else status.upstream_pool.address
    network = status.blockchain_network
    if not address and not network:
        return None
    return UpstreamInfo(address=address, network=network)
