"""This module holds the requests of one miner that its pool has not answered yet."""

from dataclasses import dataclass
from enum import Enum

from stats_feed.tap.reader.messages import Key
from stats_feed.tap.reader.room import Room

MAX_PENDING = 1024
"""Requests of one connection without an answer: more than a pool answers in a minute."""

ANSWER_SECONDS = 60.0
"""An answer that takes longer does not come any more; the miner has given it up long since."""


class Kind(Enum):
    """What a request asks for."""

    SUBMIT = "submit"
    AUTHORIZE = "authorize"
    SUGGEST = "suggest"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a miner. `difficulty` is that of the job that a submit names."""

    kind: Kind
    at: float
    worker: str | None = None
    difficulty: float = 0.0


class Pending:
    """Requests by id. Where one id is used again before its answer, the oldest is answered first.

    `room` is the requests that all connections may have open together.
    """

    __slots__ = ("_by_id", "_next", "_requests", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._next = 0
        self._requests: dict[int, tuple[Key, Request]] = {}
        """By a number that counts up: the oldest request comes first."""
        self._by_id: dict[Key, list[int]] = {}

    def add(self, id_: Key, request: Request) -> list[Request]:
        """Note a request; return those that will not be answered any more, to make room for it."""
        gone = [self._drop_oldest()] if len(self._requests) >= MAX_PENDING else []
        if not self._room.take(1):
            return [*gone, request]
        self._requests[self._next] = (id_, request)
        self._by_id.setdefault(id_, []).append(self._next)
        self._next += 1
        return gone

    def take(self, id_: Key) -> Request | None:
        """Return the request that an answer with this id belongs to, and forget it."""
        numbers = self._by_id.get(id_)
        return None if numbers is None else self._drop(numbers[0])

    def take_first(self, kind: Kind) -> None:
        """Forget the oldest request of a kind, which has been answered without its id."""
        numbers = (number for number, (_, one) in self._requests.items() if one.kind is kind)
        if (found := next(numbers, None)) is not None:
            self._drop(found)

    def expire(self, now: float) -> list[Request]:
        """Forget the requests that are too old to be answered, and return them."""
        gone = []
        while self._requests:
            _, (_, request) = next(iter(self._requests.items()))
            if now - request.at < ANSWER_SECONDS:
                break
            gone.append(self._drop_oldest())
        return gone

    def clear(self) -> list[Request]:
        """Forget all requests, and return them."""
        gone = [request for _, request in self._requests.values()]
        self._room.give_back(len(gone))
        self._requests.clear()
        self._by_id.clear()
        return gone

    def __len__(self) -> int:
        return len(self._requests)

    def _drop_oldest(self) -> Request:
        return self._drop(next(iter(self._requests)))

    def _drop(self, number: int) -> Request:
        id_, request = self._requests.pop(number)
        self._room.give_back(1)
        numbers = self._by_id[id_]
        numbers.remove(number)
        if not numbers:
            del self._by_id[id_]
        return request
