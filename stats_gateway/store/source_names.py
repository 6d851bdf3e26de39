"""Whose rows a connection sends: which source it is, and who gives way to whom.

A sender that says `Hello` has named itself. One that does not is known by its address, and its
address alone cannot tell a sender that came back from a second sender beside the first. So a new
connection's first message of a kind takes the place of the connection heard from longest ago, which
is right whenever a sender came back, also over a half-open connection. Should that older connection
speak again, they are two after all, and the newer one becomes ADDRESS#2 to the end of its
connection.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from operator import attrgetter

from stats_gateway.store.sources import PartKind, Source

_NOBODY = -1
"""No connection's number."""


@dataclass(slots=True, kw_only=True)
class Peer:
    """One open connection, as far as it matters for whose rows it sends."""

    connection: int
    address: str
    """The peer's address without its port, or the alias configured for it."""
    source: str | None = None
    """The name it gave itself by `Hello`."""
    interval: float | None = None
    """As it declared in `Hello`."""
    superseded: bool = False
    """Whether another connection has taken its name since; nothing it says counts any more."""
    places: dict[PartKind, str] = field(default_factory=dict)
    """The source that each kind of its messages goes to."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a message goes, and who has to give way first."""

    source: str
    moves: Peer | None = None
    """The newer of two connections that both claim `source`: it leaves for a name of its own."""


def claim(
    peer: Peer, kind: PartKind, sources: Mapping[str, Source], peers: Mapping[int, Peer]
) -> Claim:
    """The source that `peer`'s message of `kind` belongs to."""
    if peer.source is not None:
        return Claim(peer.source)
    place = peer.places.get(kind)
    if place is None:
        return Claim(_first_place(peer, kind, sources))
    owner = peers.get(_owner(sources.get(place), kind))
    if owner is None or owner is peer:
        return Claim(place)
    return Claim(place, moves=max(owner, peer, key=attrgetter("connection")))


def free_name(newer: Peer, place: str, sources: Mapping[str, Source], peers: Iterable[Peer]) -> str:
    """The first ADDRESS#n where nobody sends the kinds that `newer` sends to `place`.

    So the two connections of one producer, each with a kind of its own, share a name.
    """
    taken = {(name, kind) for name, source in sources.items() for kind in source.parts}
    taken.update((name, kind) for peer in peers for kind, name in peer.places.items())
    kinds = kinds_at(newer, place)
    names = (f"{newer.address}#{number}" for number in count(2))
    return next(name for name in names if taken.isdisjoint((name, kind) for kind in kinds))


def kinds_at(peer: Peer, place: str) -> list[PartKind]:
    """The kinds that `peer` sends to `place`."""
    return [kind for kind, name in peer.places.items() if name == place]


def is_address_like(source: str) -> bool:
    """Whether `source` could be mistaken for a name given to a connection without `Hello`."""
    address, _, _ = source.partition("#")
    try:
        ip_address(address)
    except ValueError:
        return "#" in source
    return True


def _first_place(peer: Peer, kind: PartKind, sources: Mapping[str, Source]) -> str:
    if peer.places:
        return next(iter(peer.places.values()))
    held = [source for source in _of_address(peer.address, sources) if kind in source.parts]
    if not held:
        return peer.address
    return min(held, key=lambda source: _heard(source, kind)).name


def _of_address(address: str, sources: Mapping[str, Source]) -> Iterable[Source]:
    numbered = f"{address}#"
    return (
        source for name, source in sources.items() if name == address or name.startswith(numbered)
    )


def _heard(source: Source, kind: PartKind) -> tuple[bool, float]:
    """Orders parts by how likely their sender is gone: closed ones first, then longest silent."""
    part = source.parts[kind]
    return part.closed_at is None, part.received.monotonic


def _owner(source: Source | None, kind: PartKind) -> int:
    part = None if source is None else source.parts.get(kind)
    return _NOBODY if part is None else part.owner
