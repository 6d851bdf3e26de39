"""What the tap counts is what the pool itself has counted, to the share."""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from random import Random

import pytest

from stats_feed.tap.books.counts import Counts, Verdict
from stats_feed.tap.books.sessions import Book, Session
from stats_feed.tap.reader.facts import Direction
from stats_feed.tap.reader.pending import ANSWER_SECONDS
from stats_gateway.sender import MinerTracker
from tests.stats_feed.tap.reader.dialogues import NOW
from tests.stats_feed.tap.world import Books, MinerSession, PoolSession, assert_equal

BEAT = 0.5
"""Seconds between two shares of one miner, on average."""


class Clock:
    """What happens when, in simulated seconds."""

    def __init__(self) -> None:
        self.now = NOW
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, moment: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), do))

    def run(self, until: float) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, do = heapq.heappop(self._agenda)
            do()
        self.now = until


class Wire:
    """One direction: bytes pass the tap on their way, in pieces, and arrive in order."""

    def __init__(self, clock: Clock, random: Random, tap: Session, direction: Direction) -> None:
        self._clock = clock
        self._random = random
        self._tap = tap
        self._direction = direction
        self._passed = self._arrived = 0.0
        self.receive: Callable[[bytes], None]

    def send(self, data: bytes) -> None:
        self._passed = max(self._passed, self._clock.now + self._random.expovariate(20))
        self._arrived = max(self._arrived, self._passed + self._random.expovariate(20))
        cut = self._random.randrange(len(data) + 1)
        for piece in filter(None, (data[:cut], data[cut:])):
            self._clock.at(self._passed, lambda piece=piece: self._pass(piece))  # type: ignore[misc]  # bound now
        self._clock.at(self._arrived, lambda: self._arrive(data))

    def _pass(self, piece: bytes) -> None:
        self._tap.read(self._direction, piece, self._clock.now)

    def _arrive(self, data: bytes) -> None:
        for one in data.splitlines(keepends=True):
            self.receive(one)


class Conversation:
    """A miner and a pool, with the tap between them."""

    def __init__(self, number: int, clock: Clock, book: Book, books: Books, seed: int) -> None:
        random = Random(f"{seed} {number}")
        one_id = number % 5 == 0
        self.tap = book.open(f"10.0.0.1:{number}", clock.now)
        self.miner = MinerSession(number, random, one_id=one_id)
        self._pool = PoolSession(number, books, random, in_order=one_id)
        self._clock, self._random = clock, random
        self._up = Wire(clock, random, self.tap, Direction.TO_POOL)
        self._down = Wire(clock, random, self.tap, Direction.TO_MINER)
        self._up.receive, self._down.receive = self._at_pool, self._at_miner
        self._up.send(self.miner.begin())

    def start(self, stop_at: float) -> None:
        self._beat(stop_at, lambda: self._up.send(self.miner.submit()), BEAT)
        self._beat(stop_at, self._work, 5.0)
        self._beat(stop_at, lambda: self._down.send(self._pool.disturb()), 10.0)

    def _beat(self, stop_at: float, act: Callable[[], None], every: float) -> None:
        def turn() -> None:
            if self._clock.now < stop_at:
                act()
                self._clock.at(self._clock.now + self._random.expovariate(1 / every), turn)

        self._clock.at(self._clock.now + 2.0 + self._random.random(), turn)

    def _work(self) -> None:
        clean = self._random.random() < 0.1
        self._down.send(self._pool.work(self._clock.now, clean=clean))

    def _at_pool(self, data: bytes) -> None:
        for delay, reply in self._pool.receive(data, self._clock.now):
            self._clock.at(self._clock.now + delay, lambda reply=reply: self._down.send(reply))  # type: ignore[misc]  # bound now

    def _at_miner(self, data: bytes) -> None:
        for reply in self.miner.receive(data):
            self._up.send(reply)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_100_000_shares_are_counted_as_the_pool_counts_them(seed: int) -> None:
    clock, books, counts, tracker = Clock(), Books(), Counts(), MinerTracker()
    book = Book(tracker, counts)
    talks = [Conversation(number, clock, book, books, seed) for number in range(100)]
    seconds = 101_000 * BEAT / len(talks)
    for talk in talks:
        talk.start(NOW + seconds)
    clock.run(NOW + seconds + ANSWER_SECONDS + 10)
    expire(talks, clock.now)
    assert books.shares > 100_000
    assert all(times > 100 for times in books.rejected_by().values())
    assert books.unanswered > 100
    assert_equal(tracker.snapshot(clock.now), counts, books)
    assert counts.verdicts[Verdict.UNANSWERED] == books.unanswered
    for talk in talks:
        talk.tap.close()
    assert tracker.snapshot(clock.now)["totals"]["work"] == sum(books.work.values())


def expire(talks: Sequence[Conversation], now: float) -> None:
    for talk in talks:
        talk.tap.expire(now)
