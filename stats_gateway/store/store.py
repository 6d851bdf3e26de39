"""The map: every source's newest snapshot, replaced whole, and what time does to it.

The store is called from one thread and reads no clock. Readers, on whatever thread, take `view`,
which is never changed, only replaced by one assignment.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from stats_gateway.clock import Now
from stats_gateway.limits import Limits
from stats_gateway.store.capacity import check_rows, source_to_forget
from stats_gateway.store.source_names import Peer, claim, free_name, kinds_at
from stats_gateway.store.sources import (
    DEFAULT_INTERVAL_SECONDS,
    SILENT_INTERVALS,
    SILENT_SECONDS,
    Content,
    Part,
    PartKind,
    Source,
    View,
)
from stats_gateway.wire.services import Service

REMEMBERED_SECONDS = 24 * 3600.0
"""How long a source that is down is still shown as down, so that alerts can fire."""


class Store:
    """What one service knows."""

    def __init__(self, service: Service, limits: Limits, aliases: Mapping[str, str]) -> None:
        self.service = service
        self._limits = limits
        self._aliases = aliases
        self._peers: dict[int, Peer] = {}
        self._sources: dict[str, Source] = {}
        self._named_by: dict[str, str] = {}
        """The address that each source was first heard from."""
        self._listeners: list[Callable[[], None]] = []
        self.view = View(MappingProxyType({}))

    def __repr__(self) -> str:
        up = len(self.view.fresh())
        return f"<Store {self.service.value}: {up} of {len(self.view.sources)} sources up>"

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change of `view`, on the store's own thread."""
        self._listeners.append(listener)

    # What connections do.

    def connect(self, connection: int, address: str) -> None:
        """A peer at `address` (without its port) is there; it owns nothing yet."""
        self._peers[connection] = Peer(
            connection=connection, address=self._aliases.get(address, address)
        )

    def hello(self, connection: int, source: str, interval: float | None) -> int | None:
        """The peer names itself; gives the connection that must be closed for it, if any."""
        peer = self._peers[connection]
        rivals = (one for one in self._peers.values() if one.source == source and one is not peer)
        rival = next(rivals, None)
        if rival is not None:
            # It may have a message under way, which must not replace the newcomer's.
            rival.superseded = True
            rival.source = None
        peer.source = source
        peer.interval = interval
        return None if rival is None else rival.connection

    def previous(self, connection: int, kind: PartKind) -> Content | None:
        """What a message of `kind` from this connection would replace."""
        claimed = claim(self._peers[connection], kind, self._sources, self._peers)
        source = self._sources.get(claimed.source)
        if source is None or claimed.moves is not None or kind not in source.parts:
            return None
        return source.parts[kind].content

    def apply(
        self, connection: int, kind: PartKind, content: Content, timestamp: int, now: Now
    ) -> None:
        """Replace one part of the connection's source, unless another has taken its name.

        Raises `MessageRefused` where that would be one source, or rows, too many.
        """
        peer = self._peers[connection]
        if peer.superseded:
            return
        claimed = claim(peer, kind, self._sources, self._peers)
        check_rows(content, claimed.source, kind, self._sources, self._limits)
        self._make_room(claimed.source, peer)
        if claimed.moves is not None:
            self._move(claimed.moves, claimed.source)
        place = peer.places[kind] if claimed.moves is peer else claimed.source
        part = Part(
            content=content,
            owner=connection,
            timestamp=timestamp,
            received=now,
            silent_seconds=_silent_seconds(kind, peer.interval),
        )
        self._put(place, kind, part, peer)
        peer.places[kind] = place
        self._publish()

    def disconnect(self, connection: int, now: Now) -> None:
        """The connection is closed: its parts are shown a little longer."""
        peer = self._peers.pop(connection, None)
        if peer is None or not peer.places:
            return
        for source in list(self._sources.values()):
            if any(part.owner == connection for part in source.parts.values()):
                self._sources[source.name] = replace(
                    source, parts=_closed(source.parts, connection, now)
                )
        self.view = View(MappingProxyType(dict(self._sources)))

    # What time does.

    def expire(self, now: Now) -> None:
        """Forget what is no longer fresh at `now`."""
        changed = False
        for source in list(self._sources.values()):
            later = _at(source, now)
            if later is None:
                self._forget(source.name)
            elif later is not source:
                self._sources[source.name] = later
            changed = changed or later is not source
        if changed:
            self._publish()

    def _publish(self) -> None:
        self.view = View(MappingProxyType(dict(self._sources)))
        for listener in self._listeners:
            listener()

    def _put(self, name: str, kind: PartKind, part: Part, peer: Peer) -> None:
        known = self._sources.get(name)
        parts = {} if known is None else dict(known.parts)
        parts[kind] = part
        # An event is no snapshot: it leaves the age of the newest one alone.
        newest = part if known is None or kind is not PartKind.WALLET else known.newest
        self._sources[name] = Source(
            name=name,
            service=self.service,
            interval=DEFAULT_INTERVAL_SECONDS if peer.interval is None else peer.interval,
            parts=MappingProxyType(parts),
            newest=newest,
        )

    def _move(self, newer: Peer, place: str) -> None:
        """Give `newer`'s parts in `place` to a source of its own, to the end of its connection."""
        source = self._sources[place]
        name = free_name(newer, place, self._sources, self._peers.values())
        self._make_room(name, newer)
        newer.places.update(dict.fromkeys(kinds_at(newer, place), name))
        for kind, part in source.parts.items():
            if part.owner == newer.connection:
                self._put(name, kind, part, newer)
        rest = {kind: part for kind, part in source.parts.items() if part.owner != newer.connection}
        self._sources[place] = replace(source, parts=MappingProxyType(rest))

    def _make_room(self, name: str, peer: Peer) -> None:
        """See to it that `peer` may have a source called `name`. Raises `MessageRefused`."""
        if name in self._sources:
            return
        leaves = source_to_forget(peer.address, self._sources, self._named_by, self._limits)
        if leaves is not None:
            self._forget(leaves)
        self._named_by[name] = peer.address

    def _forget(self, name: str) -> None:
        del self._sources[name]
        self._named_by.pop(name, None)


def _silent_seconds(kind: PartKind, interval: float | None) -> float:
    if kind is PartKind.WALLET:
        # Events come when something happens, and silence says nothing about a balance.
        return math.inf
    return SILENT_SECONDS if interval is None else SILENT_INTERVALS * interval


def _closed(parts: Mapping[PartKind, Part], connection: int, now: Now) -> Mapping[PartKind, Part]:
    return MappingProxyType(
        {
            kind: replace(part, closed_at=now.monotonic) if part.owner == connection else part
            for kind, part in parts.items()
        }
    )


def _at(source: Source, now: Now) -> Source | None:
    """`source` as it is at `now`: the same object where nothing changed, None when forgotten."""
    if source.down_since is not None:
        forgotten = now.monotonic - source.down_since >= REMEMBERED_SECONDS
        return None if forgotten else source
    fresh = {kind: part for kind, part in source.parts.items() if part.expires_at() > now.monotonic}
    if len(fresh) == len(source.parts):
        return source
    if fresh.keys() == {PartKind.WALLET}:
        # A wallet is no sign of life, so it does not outlive the snapshots it came with.
        fresh = {}
    return replace(
        source,
        parts=MappingProxyType(fresh),
        down_since=None if fresh else now.monotonic,
    )
