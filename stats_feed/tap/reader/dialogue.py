"""This module reads one connection: bytes of both directions in, facts out.

    dialogue = Dialogue(Rooms())
    facts = dialogue.feed(Direction.TO_POOL, b'{"id": 1, "method": "mining.sub', now)
    facts += dialogue.feed(Direction.TO_POOL, b'scribe", "params": ["cgminer/4.11.1"]}\\n', now)

Nothing that either side sends raises an error, and all that is kept is bounded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from stats_feed.tap.reader.facts import (
    AgentNamed,
    Authorized,
    DifficultySet,
    Direction,
    Fact,
    Redirected,
    ShareAccepted,
    ShareRejected,
    ShareUnanswered,
    Unread,
    Unreadable,
)
from stats_feed.tap.reader.jobs import Jobs
from stats_feed.tap.reader.lines import Lines
from stats_feed.tap.reader.messages import (
    MAX_WORKER_CHARACTERS,
    Message,
    key_of,
    params_of,
    parse,
    worker_of,
)
from stats_feed.tap.reader.pending import Kind, Pending, Request
from stats_feed.tap.reader.room import Room
from stats_feed.tap.reader.verdicts import is_accepted, reason_of

MAX_PARTIAL_BYTES = 64 * 1024 * 1024
"""Of lines that have begun, on all connections: 1,000 of the longest, or 64 bytes for a million."""

MAX_OPEN_REQUESTS = 131_072
"""Without an answer, on all connections: 13 shares of each of 10,000 miners. At most 130 MiB."""

MOST_DIFFICULT = 2.0**224
"""The difficulty of the target 1, the hardest that there is."""

_KINDS = {
    "mining.submit": Kind.SUBMIT,
    "mining.authorize": Kind.AUTHORIZE,
    "mining.suggest_difficulty": Kind.SUGGEST,
    "mining.suggest_target": Kind.SUGGEST,
}


@dataclass(frozen=True, slots=True)
class Rooms:
    """What all dialogues of one process keep together at most."""

    partial_bytes: Room = field(default_factory=lambda: Room(MAX_PARTIAL_BYTES))
    requests: Room = field(default_factory=lambda: Room(MAX_OPEN_REQUESTS))


class Dialogue:
    """A miner and its pool, from the first byte to the end of their connection.

    `now` is in unix seconds: when the bytes arrived.
    """

    __slots__ = ("_from_miner", "_from_pool", "_jobs", "_pending")

    def __init__(self, rooms: Rooms) -> None:
        self._from_miner = Lines(rooms.partial_bytes)
        self._from_pool = Lines(rooms.partial_bytes)
        self._pending = Pending(rooms.requests)
        self._jobs = Jobs()

    def feed(self, direction: Direction, data: bytes, now: float) -> list[Fact]:
        """Return the facts that `data` completes."""
        facts = self.expire(now)
        if direction is Direction.TO_POOL:
            lines, read = self._from_miner, self._read_miner
        else:
            lines, read = self._from_pool, self._read_pool
        for line in lines.feed(data):
            message = line if isinstance(line, Unreadable) else parse(line)
            if isinstance(message, Unreadable):
                facts.append(Unread(direction, message))
            else:
                facts += read(message, now)
        return facts

    def expire(self, now: float) -> list[Fact]:
        """Give up the shares that have waited too long for an answer."""
        return _unanswered(self._pending.expire(now)) if self._pending else []

    def close(self) -> list[Fact]:
        """End the dialogue, and give up the shares without an answer."""
        self._from_miner.close()
        self._from_pool.close()
        return _unanswered(self._pending.clear())

    def _read_miner(self, message: Message, now: float) -> list[Fact]:
        method = message.get("method")
        if not isinstance(method, str):
            # Without a method this is an answer to a request of the pool, which has ids of its own.
            is_answer = "result" in message or "error" in message
            return [] if is_answer else [Unread(Direction.TO_POOL, Unreadable.MALFORMED)]
        params = params_of(message)
        facts: list[Fact] = []
        kind = _KINDS.get(method, Kind.OTHER)
        if method == "mining.subscribe" and params and isinstance(params[0], str):
            facts.append(AgentNamed(params[0][:MAX_WORKER_CHARACTERS]))
        request = Request(kind, now)
        if kind is Kind.AUTHORIZE:
            request = Request(kind, now, worker_of(params))
        elif kind is Kind.SUBMIT:
            job = key_of(params[1]) if len(params) > 1 else None
            request = Request(kind, now, worker_of(params), self._jobs.difficulty_of(job))
        return facts + _unanswered(self._pending.add(key_of(message.get("id")), request))

    def _read_pool(self, message: Message, now: float) -> list[Fact]:
        match message.get("method"):
            case "mining.notify":
                return self._notify(message, now)
            case "mining.set_difficulty":
                return self._set_difficulty(message)
            case "client.reconnect":
                host = next(iter(params_of(message)), None)
                return [Redirected(host[:255] if isinstance(host, str) and host else None)]
            case method if "result" in message or "error" in message:
                return self._reply(message, now)
            case method:
                # Every other request and notification of a pool says nothing about shares.
                is_known = isinstance(method, str)
                return [] if is_known else [Unread(Direction.TO_MINER, Unreadable.MALFORMED)]

    def _notify(self, message: Message, now: float) -> list[Fact]:
        params = params_of(message)
        if not params:
            return [Unread(Direction.TO_MINER, Unreadable.MALFORMED)]
        # The last of the nine parameters says whether older jobs are void.
        self._jobs.announce(key_of(params[0]), now, is_clean=params[-1] is True)
        return []

    def _set_difficulty(self, message: Message) -> list[Fact]:
        # Pools answer a suggestion with the difficulty that they set, with another id or none.
        self._pending.take_first(Kind.SUGGEST)
        difficulty = _difficulty(next(iter(params_of(message)), None))
        if difficulty is None:
            return [Unread(Direction.TO_MINER, Unreadable.MALFORMED)]
        self._jobs.difficulty = difficulty
        return [DifficultySet(difficulty)]

    def _reply(self, message: Message, now: float) -> list[Fact]:
        request = self._pending.take(key_of(message.get("id")))
        if request is None:
            return []
        accepted = is_accepted(message)
        if request.kind is Kind.SUBMIT:
            worker, difficulty = request.worker, request.difficulty
            if accepted:
                return [ShareAccepted(worker, difficulty, now)]
            return [ShareRejected(worker, reason_of(message), difficulty, now)]
        if request.kind is Kind.AUTHORIZE and accepted and request.worker is not None:
            return [Authorized(request.worker)]
        return []


def _difficulty(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 < value <= MOST_DIFFICULT else None
    return None


def _unanswered(requests: Iterable[Request]) -> list[Fact]:
    return [ShareUnanswered(one.worker) for one in requests if one.kind is Kind.SUBMIT]
