"""The shapes of what a sender sends, as the gateway documents them.

Hashrates are in hashes per second, times in whole unix seconds, balances and amounts in ehash,
`work` in difficulty: the sum over the accepted shares since the downstream connected.
"""

from enum import Enum
from typing import NotRequired, TypedDict

__all__ = [
    "ConnectionInfo",
    "ConnectionSnapshot",
    "ConnectionType",
    "DownstreamInfo",
    "MinerInfo",
    "MinerSnapshot",
    "Snapshot",
    "UpstreamInfo",
    "WalletInfo",
]


class ConnectionType(Enum):
    """What is connected to a pool; the value is its name on the wire."""

    TRANSLATOR = "Translator"
    MINT = "Mint"
    JOB_DECLARATOR = "Job Declarator"


class DownstreamInfo(TypedDict):
    """What every row holds. `address` is None when the sender keeps it to itself."""

    downstream_id: int
    address: str | None
    hashrate: float
    shares_submitted: int
    shares_rejected: int
    work: float
    connected_at: int
    last_share_at: int | None


class MinerInfo(DownstreamInfo):
    """One miner of a translator."""

    name: str


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


class ConnectionInfo(DownstreamInfo):
    """One connection of a pool. The two quote totals are None where none are counted."""

    name: str | None
    connection_type: str
    channels: list[int]
    quotes_created: int | None
    ehash_mined: int | None
    work_selection: bool


class ConnectionSnapshot(TypedDict):
    """Everything a pool has, at one moment."""

    connections: list[ConnectionInfo]
    timestamp: int
    listen_address: NotRequired[str]


Snapshot = MinerSnapshot | ConnectionSnapshot
