"""This module holds the shapes of what a sender sends, as the gateway documents them.

Hashrates are in hashes per second, times in whole unix seconds, balances and amounts in ehash,
`work` in difficulty: the sum over the accepted shares since the downstream connected. None says
that a value is not known, which is not the same as 0.
"""

from enum import Enum, StrEnum
from typing import NotRequired, TypedDict


class ConnectionType(Enum):
    """What is connected to a pool; the value is its name on the wire."""

    TRANSLATOR = "Translator"
    MINT = "Mint"
    JOB_DECLARATOR = "Job Declarator"
    MINER = "Miner"
    """A device that speaks Stratum V2 to the pool itself."""


class RejectReason(StrEnum):
    """Why a share was refused; the value is its name on the wire.

    Every value that is none of these is `OTHER`: `RejectReason("job-not-found")`.
    """

    STALE = "stale"
    DUPLICATE = "duplicate"
    LOW_DIFFICULTY = "low_difficulty"
    UNAUTHORIZED = "unauthorized"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "RejectReason":  # noqa: ARG003 - Enum's signature
        return cls.OTHER


class DownstreamInfo(TypedDict):
    """What every row holds. `address` is None when the sender keeps it to itself."""

    downstream_id: int
    address: str | None
    hashrate: float | None
    shares_submitted: int | None
    connected_at: int | None
    shares_rejected: NotRequired[int | None]
    shares_rejected_by: NotRequired[dict[str, int]]
    """By the value of a `RejectReason`."""
    work: NotRequired[float | None]
    last_share_at: NotRequired[int | None]
    agent: NotRequired[str]
    """What the downstream says it is: `cgminer/4.11.1`."""


class DeviceInfo(TypedDict):
    """What a miner's device itself reports, where the sender knows it."""

    hashrate: NotRequired[float]
    power: NotRequired[float]
    """Watts."""
    temperature: NotRequired[float]
    """Degrees Celsius."""


class MinerInfo(DownstreamInfo):
    """One miner of a translator."""

    name: str
    difficulty: NotRequired[float]
    """The difficulty that its next job asks for."""
    device: NotRequired[DeviceInfo]


class Totals(TypedDict):
    """What all sessions since the sender's start add up to, those that ended included."""

    shares_submitted: NotRequired[int]
    shares_rejected: NotRequired[int]
    shares_rejected_by: NotRequired[dict[str, int]]
    work: NotRequired[float]


class WalletInfo(TypedDict):
    """A translator's wallet: its balance, and the totals of its quotes when it counts them."""

    balance: int
    quotes_created: NotRequired[int]
    quotes_amount: NotRequired[int]


class UpstreamInfo(TypedDict):
    """The pool a translator works for."""

    address: str
    connected: NotRequired[bool]
    network: NotRequired[str]


class MinerSnapshot(TypedDict):
    """Everything a translator has, at one moment."""

    miners: list[MinerInfo]
    timestamp: int
    wallet: NotRequired[WalletInfo]
    upstream: NotRequired[UpstreamInfo]
    totals: NotRequired[Totals]


class ConnectionInfo(DownstreamInfo):
    """One connection of a pool. The two quote totals are None where none are counted."""

    name: str | None
    connection_type: str
    channels: list[int]
    quotes_created: int | None
    ehash_mined: int | None
    work_selection: NotRequired[bool | None]


class ConnectionSnapshot(TypedDict):
    """Everything a pool has, at one moment."""

    connections: list[ConnectionInfo]
    timestamp: int
    listen_address: NotRequired[str]
    totals: NotRequired[Totals]


Snapshot = MinerSnapshot | ConnectionSnapshot
