"""How much of messages that are unfinished, or wait their turn, is held for all connections."""

from collections import Counter


class Buffers:
    """Bytes held, by connection; says whom to close when they are too many in all."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._held: dict[int, tuple[str, int]] = {}
        self.total = 0

    def __repr__(self) -> str:
        return f"<Buffers {self.total} of {self._max} bytes, {len(self._held)} connections>"

    def hold(self, connection: int, address: str, size: int) -> list[int]:
        """`connection` from `address` now holds `size` bytes; gives who must be closed for it.

        Of the address that holds the most, the connection that holds the most: so a peer with many
        connections does not drive out another's large snapshot.
        """
        self.release(connection)
        if size:
            self._held[connection] = (address, size)
            self.total += size
        victims = []
        while self.total > self._max:
            victim = self._largest()
            self.release(victim)
            victims.append(victim)
        return victims

    def release(self, connection: int) -> None:
        """`connection` holds nothing any more."""
        _, size = self._held.pop(connection, ("", 0))
        self.total -= size

    def _largest(self) -> int:
        by_address: Counter[str] = Counter()
        for address, size in self._held.values():
            by_address[address] += size
        return max(self._held, key=lambda one: (by_address[self._held[one][0]], self._held[one][1]))
