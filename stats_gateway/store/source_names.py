"""Tells which source a connection's rows belong to, and which connection gives way to which.

A sender that says `Hello` has named itself. A sender that does not is known by its address, and an
address alone cannot tell a sender that came back from a second sender beside the first. So the
first message of a kind over a new connection takes the place of the connection that was silent the
longest. That is right whenever a sender came back, also while its old connection is half-open.
Should the older connection speak again, there are two senders after all, and the newer one becomes
ADDRESS#2 to the end of its connection.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from operator import attrgetter

from stats_gateway.limits import MAX_NAME_BYTES
from stats_gateway.store.parts import Content, Part, PartKind
from stats_gateway.store.peer import Peer, Peers
from stats_gateway.store.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The place where a message of one kind goes, and the peer that has to leave it first."""

    peer: Peer
    kind: PartKind
    source: str
    previous: Content | None = None
    """The content that the message replaces."""
    moves: Peer | None = None
    """The newer of two connections that both claim `source`: it leaves for a name of its own."""


def claim(peer: Peer, kind: PartKind, sources: Mapping[str, Source], peers: Peers) -> Claim:
    """Resolve where a message of `kind` from `peer` belongs."""
    place = peer.source or peer.places.get(kind) or _first_place(peer, kind, sources)
    part = _part(sources.get(place), kind)
    owner = None if part is None else peers.get(part.owner)
    if peer.source is None and kind in peer.places and owner is not None and owner is not peer:
        moves = max(owner, peer, key=attrgetter("number"))
        return Claim(peer=peer, kind=kind, source=place, moves=moves)
    previous = None if part is None else part.content
    return Claim(peer=peer, kind=kind, source=place, previous=previous)


def free_name(newer: Peer, place: str, sources: Mapping[str, Source], peers: Peers) -> str:
    """The first ADDRESS#n where nobody sends the kinds of message that `newer` sends to `place`.

    The two connections of one producer, each with a kind of its own, therefore share a name.
    """
    taken = {(name, kind) for name, source in sources.items() for kind in source.parts}
    taken.update((name, kind) for peer in peers.values() for kind, name in peer.places.items())
    kinds = kinds_at(newer, place)
    names = (f"{newer.address_name}#{number}" for number in count(2))
    return next(name for name in names if taken.isdisjoint((name, kind) for kind in kinds))


def kinds_at(peer: Peer, place: str) -> list[PartKind]:
    """The kinds that `peer` sends to `place`."""
    return [kind for kind, name in peer.places.items() if name == place]


def is_visible_name(source: str) -> bool:
    """Whether `source` can be told from other names by whoever reads it, and is short enough."""
    # isprintable() is false for characters that nobody sees, such as zero-width ones, and U+FFFD
    # stands for what could not be decoded.
    is_visible = source.isprintable() and source == source.strip() and "\ufffd" not in source
    return is_visible and 0 < len(source.encode()) <= MAX_NAME_BYTES


def is_address_like(source: str) -> bool:
    """Whether `source` could be mistaken for the name of a sender without `Hello`."""
    address, _, _ = source.partition("#")
    try:
        ip_address(address)
    except ValueError:
        return "#" in source
    return True


def _first_place(peer: Peer, kind: PartKind, sources: Mapping[str, Source]) -> str:
    if peer.places:
        return next(iter(peer.places.values()))
    held = [source for source in _of_name(peer.address_name, sources) if kind in source.parts]
    if not held:
        return peer.address_name
    return min(held, key=lambda source: _heard(source.parts[kind])).name


def _of_name(name: str, sources: Mapping[str, Source]) -> Iterable[Source]:
    numbered = f"{name}#"
    return (
        source for other, source in sources.items() if other == name or other.startswith(numbered)
    )


def _heard(part: Part) -> tuple[bool, float]:
    """A sort key for parts: those of closed connections first, then those longest silent."""
    return part.closed_at is None, part.received.monotonic


def _part(source: Source | None, kind: PartKind) -> Part | None:
    return None if source is None else source.parts.get(kind)
