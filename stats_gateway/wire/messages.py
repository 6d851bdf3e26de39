"""The wire schema: one definition decodes and validates both encodings.

Unknown fields are ignored; an optional field may be null or absent, and is then unknown. Integers
out of range, missing fields and wrong types refuse the whole message. A hashrate or work that is no
number is unknown for its row only: the builders of columns in `rows` see to that.
"""

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_CHANNELS, MAX_REJECT_REASONS

U32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U64: TypeAlias = Annotated[int, Meta(ge=0)]
"""JSON could carry more than 64 bits, which msgspec cannot bound: see `check_u64`."""
I64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
RejectedBy: TypeAlias = Annotated[dict[str, U64], Meta(max_length=MAX_REJECT_REASONS)]
"""Counts of rejected shares by reason, for example `{"stale": 3}`; see `rows.rejects`."""

_U64_MAX = 2**64 - 1


def check_u64(values: Iterable[int | None]) -> None:
    """Raises `MessageRefused` where a value takes more than 64 bits, and no float could hold it."""
    largest = max(filter(None, values), default=0)
    if largest > _U64_MAX:
        raise MessageRefused(Reason.MALFORMED, f"Expected `int` <= {_U64_MAX}")


class Hello(Struct, frozen=True, kw_only=True):
    """A sender names itself; the only message that is answered."""

    source: str
    interval: float | None = None
    """Seconds between its snapshots; its rows expire after three of them."""
    token: str | None = None
    version: str | None = None


# Rows hold only scalars, and lists and maps of such, so they can be in no reference cycle: gc=False
# keeps hundreds of thousands of them off the collector's lists.
class DeviceInfo(Struct, frozen=True, kw_only=True, gc=False):
    """What a miner's device itself reports."""

    hashrate: float | None = None
    power: float | None = None
    """Watts."""
    temperature: float | None = None
    """Degrees Celsius."""


class MinerInfo(Struct, frozen=True, kw_only=True, gc=False):
    """One miner of a translator's snapshot."""

    downstream_id: U32
    name: str
    address: str | None = None
    """`host:port`; null when the sender redacts."""
    hashrate: float | None = None
    """Hashes per second, as the sender estimates it."""
    shares_submitted: U64 | None = None
    """Accepted shares since the miner connected."""
    connected_at: I64 | None = None
    """Unix seconds."""
    shares_rejected: U64 | None = None
    shares_rejected_by: RejectedBy | None = None
    work: float | None = None
    """Sum of the difficulties of its accepted shares since it connected."""
    last_share_at: I64 | None = None
    """Unix seconds."""
    difficulty: float | None = None
    """The difficulty that its next job asks for."""
    agent: str | None = None
    """What the miner says it is: `cgminer/4.11.1`."""
    device: DeviceInfo | None = None


class ConnectionInfo(Struct, frozen=True, kw_only=True, gc=False):
    """One downstream connection of a pool's snapshot."""

    downstream_id: U32
    connection_type: str
    """`Translator`, `Mint`, `Job Declarator` or `Miner`; anything else is shown as `other`."""
    hashrate: float | None = None
    shares_submitted: U64 | None = None
    channels: Annotated[list[U32], Meta(max_length=MAX_CHANNELS)]
    connected_at: I64 | None = None
    quotes_created: U64 | None = None
    """Mint only."""
    ehash_mined: U64 | None = None
    """Mint only."""
    name: str | None = None
    address: str | None = None
    shares_rejected: U64 | None = None
    shares_rejected_by: RejectedBy | None = None
    work: float | None = None
    last_share_at: I64 | None = None
    work_selection: bool | None = None
    agent: str | None = None


class WalletInfo(Struct, frozen=True, kw_only=True):
    """The translator's wallet, in ehash."""

    balance: U64
    quotes_created: U64 | None = None
    quotes_amount: U64 | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """What all sessions since the sender's start add up to, those that ended included."""

    shares_submitted: U64 | None = None
    shares_rejected: U64 | None = None
    shares_rejected_by: RejectedBy | None = None
    work: float | None = None
    """In difficulty, as in the rows."""


class UpstreamInfo(Struct, frozen=True, kw_only=True):
    """The pool that a translator mines at."""

    address: str
    connected: bool | None = None
    network: str | None = None


class ServiceInfo(Struct, frozen=True, kw_only=True):
    """A service that a pool runs: `Pool`, `Mint` or `JobDeclarator`."""

    service_type: str
    address: str


class MinerSnapshot(Struct, frozen=True, kw_only=True):
    """All that a translator knows."""

    miners: Raw
    """An array of `MinerInfo`, which `MessageDecoder.miners` decodes a batch at a time."""
    timestamp: U64
    """Unix seconds by the sender's clock."""
    wallet: WalletInfo | None = None
    upstream: UpstreamInfo | None = None
    totals: Totals | None = None


class ConnectionSnapshot(Struct, frozen=True, kw_only=True):
    """All that a pool knows."""

    connections: Raw
    """An array of `ConnectionInfo`."""
    timestamp: U64
    listen_address: str | None = None
    totals: Totals | None = None


class BalanceUpdate(Struct, frozen=True, kw_only=True):
    """The wallet's balance, from a sender that has only events."""

    balance: U64
    timestamp: U64


class QuoteCreated(Struct, frozen=True, kw_only=True):
    """One quote, from a sender that has only events."""

    downstream_id: U32
    amount: U64
    timestamp: U64


class Welcome(Struct, frozen=True, kw_only=True):
    """The answer to a good `Hello`."""

    version: str


class Error(Struct, frozen=True, kw_only=True):
    """The answer to a `Hello` that is refused, before the connection is closed."""

    reason: str
