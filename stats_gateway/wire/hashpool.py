"""The dialect of hashpool's released Rust services: JSON objects told apart by their keys.

Each producer sends two kinds of line over two connections: what it knows of its downstreams
(TranslatorStatus, PoolStatus) and a sliding window of their shares (ServiceSnapshot). The first
two become the snapshots of `messages`; the window and the job declarator's line stay as they are.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stats_gateway.limits import MAX_CHANNELS, MAX_ROWS
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


class DownstreamMiner(Struct, frozen=True, kw_only=True, gc=False):
    """A row of TranslatorStatus."""

    id: U32
    name: str
    address: str | None = None
    hashrate: float | None
    shares_submitted: U64
    connected_at: I64


class UpstreamPool(Struct, frozen=True, kw_only=True):
    """The first configured upstream; it says nothing of whether that one is connected."""

    address: str


class TranslatorStatus(Struct, frozen=True, kw_only=True):
    """The translator's miners and wallet."""

    downstream_miners: Annotated[list[DownstreamMiner], Meta(max_length=MAX_ROWS)]
    timestamp: U64
    ehash_balance: U64 | None = None
    upstream_pool: UpstreamPool | None = None
    blockchain_network: str | None = None


class DownstreamProxy(Struct, frozen=True, kw_only=True, gc=False):
    """A row of PoolStatus: a translator, or a client of the job declarator."""

    id: U32
    address: str | None = None
    channels: Annotated[list[U32], Meta(max_length=MAX_CHANNELS)]
    shares_submitted: U64
    quotes_created: U64 | None = None
    ehash_mined: U64 | None = None
    last_share_at: I64 | None = None
    work_selection: bool


class PoolStatus(Struct, frozen=True, kw_only=True):
    """The pool's services and connections."""

    services: Annotated[list[ServiceInfo], Meta(max_length=MAX_CHANNELS)]
    downstream_proxies: Annotated[list[DownstreamProxy], Meta(max_length=MAX_ROWS)]
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

    service_type: Literal["Translator", "Pool"]
    downstreams: Annotated[list[WindowRow], Meta(max_length=MAX_ROWS)]
    timestamp: U64


class JdsSnapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job declarator says that it is there.

    Other fields are forbidden, since any line that lost its rows would look like this one.
    """

    listen_address: str
    timestamp: U64


def miner_infos(status: TranslatorStatus) -> list[MinerInfo]:
    """TranslatorStatus's rows in the terms of our own schema."""
    return [
        MinerInfo(
            downstream_id=row.id,
            name=row.name,
            address=row.address,
            hashrate=row.hashrate,
            shares_submitted=row.shares_submitted,
            connected_at=row.connected_at,
        )
        for row in status.downstream_miners
    ]


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


def connection_infos(status: PoolStatus) -> list[ConnectionInfo]:
    """PoolStatus's rows in the terms of our own schema; their hashrate comes with the window."""
    return [
        ConnectionInfo(
            downstream_id=row.id,
            connection_type="Job Declarator" if row.work_selection else "Translator",
            hashrate=None,
            shares_submitted=row.shares_submitted,
            channels=row.channels,
            connected_at=None,
            quotes_created=row.quotes_created,
            ehash_mined=row.ehash_mined,
            address=row.address,
            last_share_at=row.last_share_at,
            work_selection=row.work_selection,
        )
        for row in status.downstream_proxies
    ]
