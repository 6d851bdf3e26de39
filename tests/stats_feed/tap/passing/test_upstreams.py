"""Which upstream a new connection takes."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from stats_feed.tap.books.counts import Counts, UpstreamFailure
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.passing.link import Link
from stats_feed.tap.passing.reading import LateReading
from stats_feed.tap.passing.upstreams import (
    FIRST_AWAY_SECONDS,
    MAX_AWAY_SECONDS,
    NoUpstreamError,
    Upstream,
    Upstreams,
)
from stats_gateway.sender import MinerTracker
from tests.stats_feed.tap.taps import Pool
from tests.support.ports import free_ports


class World:
    """Upstreams with a clock that the test moves."""

    def __init__(self, *ports: int) -> None:
        self.now = 1000.0
        self.counts = Counts()
        self.states: list[tuple[int, bool]] = []
        self.upstreams = Upstreams(
            [Upstream(("127.0.0.1", port)) for port in ports],
            self.counts,
            on_state=lambda one, connected: self.states.append((one.address[1], connected)),
            clock=lambda: self.now,
        )

    def order(self) -> Sequence[int]:
        return [one.address[1] for one in self.upstreams.by_preference()]

    async def connect(self) -> int | None:
        """The port of the upstream that was taken; None where there was none."""
        reading = LateReading(asyncio.get_running_loop())
        book = Book(MinerTracker(), self.counts)
        link = Link(book.open(None, 0.0), reading, self.counts, lambda _: None)
        try:
            found = await self.upstreams.connect(link.pool)
        except NoUpstreamError:
            return None
        link.abort()
        await asyncio.sleep(0)
        return found.address[1]


def test_an_upstream_that_was_away_comes_last_twice_as_long_each_time() -> None:
    async def main() -> None:
        (port,) = free_ports(1)
        with Pool() as second:
            world = World(port, second.address[1])
            away = FIRST_AWAY_SECONDS
            for _ in range(8):
                assert await world.connect() == second.address[1]
                assert world.order() == [second.address[1], port]
                world.now += away - 0.1
                assert world.order() == [second.address[1], port]
                world.now += 0.1
                assert world.order() == [port, second.address[1]]
                away = min(2 * away, MAX_AWAY_SECONDS)
            with socket.create_server(("127.0.0.1", port)):
                assert await world.connect() == port
            assert world.states == [(second.address[1], True)] * 8 + [(port, True)]

    asyncio.run(main())


def test_where_all_are_away_each_is_tried_and_the_first_is_told_as_away() -> None:
    async def main() -> None:
        ports = free_ports(2)
        world = World(*ports)
        assert await world.connect() is None
        assert set(world.counts.upstream_failures.values()) == {1}
        assert await world.connect() is None
        assert set(world.counts.upstream_failures.values()) == {2}
        assert world.states[-1] == (ports[0], False)

    asyncio.run(main())


def test_a_machine_without_descriptors_says_nothing_about_the_upstream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        with Pool() as pool:
            world = World(pool.address[1], pool.address[1] + 1)

            def none_left(*_: object) -> None:
                raise OSError(24, "Too many open files")

            with monkeypatch.context() as full:
                full.setattr("stats_feed.tap.passing.upstreams.prepare", none_left)
                assert await world.connect() is None
            assert list(world.counts.upstream_failures) == [
                (f"127.0.0.1:{pool.address[1]}", UpstreamFailure.OUT_OF_RESOURCES)
            ]
            assert world.order()[0] == pool.address[1]
            assert await world.connect() == pool.address[1]

    asyncio.run(main())
