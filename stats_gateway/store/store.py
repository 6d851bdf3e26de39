"""The store is the map of every source's newest parts; messages replace them, and time ends them.

The store is changed on one thread and reads no clock. Readers, on whatever thread, take `view`,
which is never changed, only replaced by one assignment.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from stats_gateway.clock import Now
from stats_gateway.limits import Limits
from stats_gateway.store.capacity import Held, check_total, held_by, source_to_forget
from stats_gateway.store.parts import SILENT_INTERVALS, SILENT_SECONDS, Content, Part, PartKind
from stats_gateway.store.peer import Peer
from stats_gateway.store.source_names import Claim, claim, free_name, kinds_at
from stats_gateway.store.sources import DEFAULT_INTERVAL_SECONDS, Source, View
from stats_gateway.wire.services import Service

REMEMBERED_SECONDS = 24 * 3600.0
"""How long a source that is down is still shown as down, so that alerts can fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The effect of one message: new content for the part of a source that the message claims."""

    claim: Claim
    content: Content
    timestamp: int
    """The sender's clock, in unix seconds."""


class Store:
    """Everything that one service knows of its senders."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.service = service
        self._limits = limits
        self._peers: dict[int, Peer] = {}
        self._named: dict[str, Peer] = {}
        """The peers that said Hello, by the name that they still have."""
        self._held = Held()
        self._listeners: list[Callable[[], None]] = []
        self.view = View(MappingProxyType({}))

    def __repr__(self) -> str:
        up = len(self.view.fresh())
        return f"<Store {self.service.value}: {up} of {len(self.view.sources)} sources up>"

    @property
    def held(self) -> Held:
        """How much all sources keep together."""
        return self._held

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change of `view`, on the store's own thread."""
        self._listeners.append(listener)

    def connect(self, peer: Peer) -> None:
        """Take note of a peer, which owns nothing yet."""
        self._peers[peer.number] = peer

    def name(self, peer: Peer, name: str) -> Peer | None:
        """Give `name` to the peer; gives the peer, if any, that loses the name and must close."""
        rival = self._named.get(name)
        if rival is not None:
            # The rival may have a message under way, which must not replace the newcomer's.
            rival.is_superseded = True
        self._named[name] = peer
        return rival

    def claim(self, peer: Peer, kind: PartKind) -> Claim:
        """Resolve which part of which source a message of `kind` replaces; on any thread."""
        return claim(peer, kind, self.view.sources, self._peers)

    def apply(self, change: Change, now: Now) -> None:
        """Replace the part that the change claims, unless another peer has taken the name.

        Raises `MessageRefused` where that would be one source, or rows, too many; nothing has
        changed then.
        """
        peer, kind, place = change.claim.peer, change.claim.kind, change.claim.source
        if peer.is_superseded:
            return
        sources = dict(self.view.sources)
        moves = change.claim.moves
        moved_to = None
        if moves is not None and moves.number in self._peers:
            moved_to = self._move(moves, place, sources)
            place = moved_to if moves is peer else place
        self._make_room(place, peer, sources)
        sources[place] = _with_part(
            sources.get(place), place, self.service, _part(change, now), peer
        )
        held = self._held_after(sources, {place, change.claim.source, moved_to or place})
        check_total(self._held, held, self._limits)
        if moves is not None and moved_to is not None:
            moves.places.update(dict.fromkeys(kinds_at(moves, change.claim.source), moved_to))
        peer.places[kind] = place
        self._held = held
        self._publish(sources)

    def disconnect(self, peer: Peer, now: Now) -> None:
        """Close the peer: the parts that it owns are shown a little longer."""
        self._peers.pop(peer.number, None)
        if peer.source is not None and self._named.get(peer.source) is peer:
            del self._named[peer.source]
        sources = dict(self.view.sources)
        for name in {place for place in peer.places.values() if place in sources}:
            parts = _closed(sources[name].parts, peer.number, now)
            sources[name] = replace(sources[name], parts=parts)
        self.view = View(MappingProxyType(sources))

    def expire(self, now: Now) -> None:
        """Forget what is no longer fresh at `now`."""
        later = {name: _at(source, now) for name, source in self.view.sources.items()}
        changed = {name for name, source in self.view.sources.items() if later[name] is not source}
        if changed:
            sources = {name: source for name, source in later.items() if source is not None}
            self._held = self._held_after(sources, changed)
            self._publish(sources)

    def _publish(self, sources: Mapping[str, Source]) -> None:
        self.view = View(MappingProxyType(sources))
        for listener in self._listeners:
            listener()

    def _held_after(self, sources: Mapping[str, Source], changed: set[str]) -> Held:
        """How much is kept once `sources`, of which those named `changed` differ, are the view."""
        held = self._held
        for name in changed:
            held = held - held_by(self.view.sources.get(name)) + held_by(sources.get(name))
        return held

    def _move(self, newer: Peer, place: str, sources: dict[str, Source]) -> str:
        """Give `newer`'s parts in `place` to a source of its own; the name of that source."""
        name = free_name(newer, place, sources, self._peers)
        self._make_room(name, newer, sources)
        source = sources[place]
        for part in source.parts.values():
            if part.owner == newer.number:
                sources[name] = _with_part(sources.get(name), name, self.service, part, newer)
        rest = {kind: part for kind, part in source.parts.items() if part.owner != newer.number}
        sources[place] = replace(source, parts=MappingProxyType(rest))
        return name

    def _make_room(self, name: str, peer: Peer, sources: dict[str, Source]) -> None:
        """See to it that `peer` may have a source called `name`. Raises `MessageRefused`."""
        if name not in sources:
            leaves = source_to_forget(peer.network, sources, self._limits)
            if leaves is not None:
                del sources[leaves]


def _part(change: Change, now: Now) -> Part:
    peer, kind = change.claim.peer, change.claim.kind
    return Part(
        kind=kind,
        content=change.content,
        owner=peer.number,
        timestamp=change.timestamp,
        received=now,
        silent_seconds=_silent_seconds(kind, peer.interval),
    )


def _with_part(known: Source | None, name: str, service: Service, part: Part, peer: Peer) -> Source:
    """`known`, or a new source called `name`, with `part` in place of the one of its kind."""
    parts = {} if known is None else dict(known.parts)
    parts[part.kind] = part
    newest = part
    if known is not None and part.kind is PartKind.WALLET:
        # An event is no snapshot: it leaves the age of the newest snapshot alone.
        newest = part if known.newest.kind is PartKind.WALLET else known.newest
    source = Source(
        name=name,
        service=service,
        interval=DEFAULT_INTERVAL_SECONDS if peer.interval is None else peer.interval,
        parts=MappingProxyType(parts),
        newest=newest,
        named_by=peer.network if known is None else known.named_by,
    )
    return source if source.up or known is None else replace(source, down_since=known.down_since)


def _silent_seconds(kind: PartKind, interval: float | None) -> float:
    if kind is PartKind.WALLET:
        # Events come when something happens, and silence says nothing about a balance.
        return math.inf
    return SILENT_SECONDS if interval is None else SILENT_INTERVALS * interval


def _closed(parts: Mapping[PartKind, Part], owner: int, now: Now) -> Mapping[PartKind, Part]:
    return MappingProxyType(
        {
            kind: replace(part, closed_at=now.monotonic) if part.owner == owner else part
            for kind, part in parts.items()
        }
    )


def _at(source: Source, now: Now) -> Source | None:
    """`source` as it is at `now`: the same object where nothing changed, None when forgotten."""
    if source.down_since is not None and now.monotonic - source.down_since >= REMEMBERED_SECONDS:
        return None
    fresh = {kind: part for kind, part in source.parts.items() if part.expires_at() > now.monotonic}
    if len(fresh) == len(source.parts):
        return source
    later = replace(source, parts=MappingProxyType(fresh))
    went_down = source.up and not later.up
    return replace(later, down_since=now.monotonic) if went_down else later
