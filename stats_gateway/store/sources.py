"""What is known of each source: immutable, so that a reader holds one moment whole.

A source is made of parts. Each part is replaced whole by the next message of its own kind and has
its own freshness, since the Rust services send two kinds over two connections. What readers see of
a source is derived from the parts it has at that moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from types import MappingProxyType

from stats_gateway.clock import Now
from stats_gateway.rows.rows import ConnectionRows, MinerRows
from stats_gateway.rows.share_windows import Window, connections_of, miners_of, with_windows
from stats_gateway.wire.messages import ServiceInfo, UpstreamInfo, WalletInfo
from stats_gateway.wire.services import Service

DEFAULT_INTERVAL_SECONDS = 10.0
"""How often a sender that declares no interval is expected to send."""

CLOSED_SECONDS = 10.0
"""How long rows outlive their connection: one interval for the sender to come back."""

SILENT_SECONDS = 30.0
"""How long rows outlive silence: three intervals, so that one lost snapshot hides nothing."""

SILENT_INTERVALS = 3
"""The same, for a sender that declares its interval."""


class PartKind(Enum):
    """What a message replaces."""

    ROWS = auto()
    WINDOW = auto()
    JOB_DECLARATOR = auto()
    WALLET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersPart:
    """From MinerSnapshot or TranslatorStatus."""

    rows: MinerRows
    wallet: WalletInfo | None
    upstream: UpstreamInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsPart:
    """From ConnectionSnapshot or PoolStatus."""

    rows: ConnectionRows
    services: tuple[ServiceInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPart:
    """From ServiceSnapshot."""

    windows: Mapping[int, Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeclaratorPart:
    """From JdsSnapshot."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPart:
    """What the wallet events of a sender without wallet in its snapshots add up to."""

    balance: int | None = None
    quotes_created: int = 0
    quotes_amount: int = 0


Content = MinersPart | ConnectionsPart | WindowPart | JobDeclaratorPart | WalletPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of message's newest content, and what decides how long it is believed."""

    content: Content
    owner: int
    """The connection it came over."""
    timestamp: int
    """The sender's clock, unix seconds."""
    received: Now
    silent_seconds: float = SILENT_SECONDS
    closed_at: float | None = None
    """Monotonic: when its connection closed."""

    def expires_at(self) -> float:
        """The monotonic time from which it is no longer shown."""
        silent = self.received.monotonic + self.silent_seconds
        return silent if self.closed_at is None else min(silent, self.closed_at + CLOSED_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One sender as the service knows it. Without parts it is down, and still remembered."""

    name: str
    service: Service
    interval: float
    parts: Mapping[PartKind, Part] = field(default_factory=lambda: MappingProxyType({}))
    newest: Part
    """The last snapshot that arrived, remembered for its times after it has expired."""
    down_since: float | None = None
    """Monotonic."""

    @property
    def up(self) -> bool:
        """Whether it has a fresh snapshot."""
        return bool(self.parts)

    @cached_property
    def miners(self) -> MinerRows | None:
        """The rows of a translator; None while unknown."""
        content = self._content(PartKind.ROWS)
        rows = content.rows if isinstance(content, MinersPart) else None
        window = self._windows()
        if window is None or self.service is not Service.PROXY:
            return rows
        return miners_of(window) if rows is None else with_windows(rows, window)

    @cached_property
    def connections(self) -> ConnectionRows | None:
        """The rows of a pool; None while unknown."""
        content = self._content(PartKind.ROWS)
        rows = content.rows if isinstance(content, ConnectionsPart) else None
        window = self._windows()
        if window is None or self.service is not Service.POOL:
            return rows
        return connections_of(window) if rows is None else with_windows(rows, window)

    @property
    def rows(self) -> MinerRows | ConnectionRows | None:
        """Whichever rows the service is about."""
        return self.miners if self.service is Service.PROXY else self.connections

    @property
    def wallet(self) -> WalletInfo | WalletPart | None:
        """The snapshot's wallet, else what events add up to."""
        rows = self._content(PartKind.ROWS)
        if isinstance(rows, MinersPart) and rows.wallet is not None:
            return rows.wallet
        events = self._content(PartKind.WALLET)
        return events if isinstance(events, WalletPart) else None

    @property
    def upstream(self) -> UpstreamInfo | None:
        """The pool that a translator mines at."""
        rows = self._content(PartKind.ROWS)
        return rows.upstream if isinstance(rows, MinersPart) else None

    @property
    def services(self) -> tuple[ServiceInfo, ...]:
        """The services a pool runs, each type and address once."""
        rows = self._content(PartKind.ROWS)
        services = rows.services if isinstance(rows, ConnectionsPart) else ()
        declarator = self._content(PartKind.JOB_DECLARATOR)
        if isinstance(declarator, JobDeclaratorPart):
            services = (
                *services,
                ServiceInfo(service_type="JobDeclarator", address=declarator.address),
            )
        return tuple({(one.service_type, one.address): one for one in services}.values())

    def _content(self, kind: PartKind) -> Content | None:
        part = self.parts.get(kind)
        return None if part is None else part.content

    def _windows(self) -> Mapping[int, Window] | None:
        content = self._content(PartKind.WINDOW)
        return content.windows if isinstance(content, WindowPart) else None


@dataclass(frozen=True, slots=True)
class View:
    """Every source at one moment, by name."""

    sources: Mapping[str, Source]

    def fresh(self) -> list[Source]:
        """The sources that have a fresh snapshot."""
        return [source for source in self.sources.values() if source.up]
