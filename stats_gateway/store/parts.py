"""A part is the content of one kind of message, with what decides how long the part is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from stats_gateway.clock import Now
from stats_gateway.rows.rows import ConnectionRows, MinerRows
from stats_gateway.rows.share_windows import Window
from stats_gateway.wire.messages import ServiceInfo, Totals, UpstreamInfo, WalletInfo

CLOSED_SECONDS = 10.0
"""How long rows outlive their connection: one interval for the sender to come back."""

SILENT_SECONDS = 30.0
"""How long rows outlive silence: three intervals, so that one lost snapshot hides nothing."""

SILENT_INTERVALS = 3
"""How many of its own intervals a sender may be silent, where the sender declares the interval."""


class PartKind(Enum):
    """The part of a source that a message replaces."""

    ROWS = auto()
    WINDOW = auto()
    JOB_DECLARATOR = auto()
    WALLET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersPart:
    """The content of a MinerSnapshot or a TranslatorStatus."""

    rows: MinerRows
    wallet: WalletInfo | None
    upstream: UpstreamInfo | None
    totals: Totals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsPart:
    """The content of a ConnectionSnapshot or a PoolStatus."""

    rows: ConnectionRows
    services: tuple[ServiceInfo, ...]
    totals: Totals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPart:
    """The content of a ServiceSnapshot."""

    windows: Mapping[int, Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeclaratorPart:
    """The content of a JdsSnapshot."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPart:
    """The sums of a sender's wallet events; a sum is None until the first event that adds to it."""

    balance: int | None = None
    quotes_created: int | None = None
    quotes_amount: int | None = None


Content = MinersPart | ConnectionsPart | WindowPart | JobDeclaratorPart | WalletPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The newest content of one kind of message, and the facts that its freshness depends on."""

    kind: PartKind
    content: Content
    owner: int
    """The number of the connection that sent the content."""
    timestamp: int
    """The sender's clock, in unix seconds."""
    received: Now
    silent_seconds: float = SILENT_SECONDS
    closed_at: float | None = None
    """Monotonic: when the connection was closed."""

    def expires_at(self) -> float:
        """The monotonic time from which the part is no longer shown."""
        silent = self.received.monotonic + self.silent_seconds
        return silent if self.closed_at is None else min(silent, self.closed_at + CLOSED_SECONDS)
