"""Orders the logins that wait to be checked, so that clients take turns."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class LoginQueue(Generic[T]):
    """What waits, by client: each client's turn comes once before any client's comes twice."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, client: str, item: T) -> T | None:
        """Queue `item`; give what is dropped instead: None, another client's item, or `item`.

        In a full queue a client with more items than `client` would have loses its last one.
        """
        own = len(self._waiting.get(client, ()))
        if own >= self._most_of_one:
            return item
        dropped = None
        if len(self) >= self._most:
            most = max(self._waiting, key=lambda one: len(self._waiting[one]))
            if len(self._waiting[most]) <= own + 1:
                return item
            dropped = self._waiting[most].pop()
        self._waiting.setdefault(client, deque()).append(item)
        return dropped

    def next(self) -> T | None:
        """Take out the item whose turn it is; None where nothing waits."""
        if not self._waiting:
            return None
        client, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[client] = items
        return item
