"""Everything known of a source stands here, immutable, so that a reader holds one moment whole.

A source is made of parts. Each part is replaced whole by the next message of its own kind and has
its own freshness, since the Rust services send two kinds over two connections. What readers see of
a source is derived from the parts that the source has at that moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from stats_gateway.rows.rows import ConnectionRows, MinerRows
from stats_gateway.rows.share_windows import Window, connections_of, miners_of, with_windows
from stats_gateway.store.parts import (
    ConnectionsPart,
    Content,
    JobDeclaratorPart,
    MinersPart,
    Part,
    PartKind,
    WalletPart,
    WindowPart,
)
from stats_gateway.wire.messages import ServiceInfo, Totals, UpstreamInfo, WalletInfo
from stats_gateway.wire.services import Service

DEFAULT_INTERVAL_SECONDS = 10.0
"""How often a sender that declares no interval is expected to send."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One sender as the service knows it. Without fresh parts it is down, and still remembered."""

    name: str
    service: Service
    interval: float
    parts: Mapping[PartKind, Part] = field(default_factory=lambda: MappingProxyType({}))
    newest: Part
    """The last snapshot that arrived, remembered for its times after it has expired.

    It is the newest event where the source has never sent a snapshot.
    """
    named_by: str
    """The network of the address that the source was first heard from."""
    down_since: float | None = None
    """Monotonic."""

    @property
    def up(self) -> bool:
        """Whether the source has a fresh snapshot, or has only ever sent events and still may."""
        events_count = self.newest.kind is PartKind.WALLET
        return any(events_count or kind is not PartKind.WALLET for kind in self.parts)

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
        """The snapshot's wallet; what the snapshot leaves unsaid is what the events add up to."""
        if not self.up:
            return None
        rows = self._content(PartKind.ROWS)
        told = rows.wallet if isinstance(rows, MinersPart) else None
        events = self._content(PartKind.WALLET)
        if not isinstance(events, WalletPart) or told is None:
            return told or (events if isinstance(events, WalletPart) else None)
        if told.quotes_created is not None or events.quotes_created is None:
            return told
        return replace(events, balance=told.balance)

    @property
    def upstream(self) -> UpstreamInfo | None:
        """The pool that a translator mines at."""
        rows = self._content(PartKind.ROWS)
        return rows.upstream if isinstance(rows, MinersPart) else None

    @property
    def totals(self) -> Totals | None:
        """What the sender says that all its sessions add up to."""
        rows = self._content(PartKind.ROWS)
        return rows.totals if isinstance(rows, MinersPart | ConnectionsPart) else None

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
