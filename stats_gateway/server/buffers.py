"""Buffers bound the bytes of messages that are unfinished, or wait to be decoded, of all peers."""

from collections import Counter

from stats_gateway.store.peer import Peer


class Buffers:
    """Knows who holds bytes, and says whose connection to close when they are too many in all."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._holding: set[Peer] = set()
        self.total = 0

    def __repr__(self) -> str:
        return f"<Buffers {self.total} of {self._max} bytes, {len(self._holding)} connections>"

    def hold(self, peer: Peer, size: int) -> list[Peer]:
        """`peer` now holds `size` bytes; gives the peers that must be closed for it.

        Of the network that holds the most, it is the peer that holds the most: so a network with
        many connections does not drive out the large snapshot of another.
        """
        self.release(peer)
        if size:
            peer.held_bytes = size
            self._holding.add(peer)
            self.total += size
        victims = []
        while self.total > self._max:
            victim = self._largest()
            self.release(victim)
            victims.append(victim)
        return victims

    def release(self, peer: Peer) -> None:
        """`peer` holds nothing any more."""
        self._holding.discard(peer)
        self.total -= peer.held_bytes
        peer.held_bytes = 0

    def _largest(self) -> Peer:
        by_network: Counter[str] = Counter()
        for peer in self._holding:
            by_network[peer.network] += peer.held_bytes
        return max(self._holding, key=lambda peer: (by_network[peer.network], peer.held_bytes))
