"""Over real sockets, too, the tap counts what the pool itself has counted."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random

import pytest

from stats_feed.tap.books.counts import Verdict
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, TIMEOUT, Address, RunningTap
from tests.stats_feed.tap.world import Books, MinerSession, PoolSession, assert_equal

MINERS = 25
SHARES = 60
"""Of each miner."""

HASTE = 0.02
"""Delays of the pool take so much of the time that they say."""


class Pool:
    """A pool on a port, with a session for each connection, in the order of their connects."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._tasks: set[asyncio.Task[None]] = set()
        self.sessions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.sessions = self.sessions, self.sessions + 1
        random = Random(number)
        session = PoolSession(number, self._books, random, in_order=number % 5 == 0)
        loop = asyncio.get_running_loop()
        self._spawn(self._work(session, writer, random))
        while data := await reader.readline():
            for delay, reply in session.receive(data, loop.time()):
                if delay:
                    self._spawn(self._write_later(writer, reply, delay * HASTE))
                else:
                    writer.write(reply)
        writer.close()

    async def _work(
        self, session: PoolSession, writer: asyncio.StreamWriter, random: Random
    ) -> None:
        loop = asyncio.get_running_loop()
        while not writer.is_closing():
            await asyncio.sleep(random.expovariate(20))
            writer.write(session.work(loop.time(), clean=random.random() < 0.2))
            writer.write(session.disturb())

    @staticmethod
    async def _write_later(writer: asyncio.StreamWriter, data: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        writer.write(data)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - it is about what other threads do
            await asyncio.sleep(0.01)


async def mine(number: int, address: Address, done: asyncio.Event) -> None:
    random = Random(f"miner {number}")
    reader, writer = await asyncio.open_connection(*address)
    miner = MinerSession(number, random, one_id=number % 5 == 0)
    writer.write(miner.begin())

    async def listen() -> None:
        while data := await reader.readline():
            for reply in miner.receive(data):
                if not done.is_set():  # then this side says no more
                    writer.write(reply)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    for _ in range(SHARES):
        writer.write(miner.submit())
        await asyncio.sleep(random.expovariate(200))
    await done.wait()
    writer.write_eof()
    await listening
    writer.close()


@pytest.mark.parametrize("loop", EACH_LOOP)
def test_shares_over_real_sockets_are_counted_as_the_pool_counts_them(loop: str) -> None:
    books = Books()

    async def main() -> None:
        pool = Pool(books)
        server = await asyncio.start_server(pool.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        done = asyncio.Event()
        with RunningTap(f"--upstream={host}:{port}", loop=LOOPS[loop]) as tap:
            miners = []
            for number in range(MINERS):
                miners.append(asyncio.create_task(mine(number, tap.addresses[0], done)))
                await eventually(lambda number=number: pool.sessions > number)  # type: ignore[misc]  # bound now

            def counted() -> int:
                return sum(tap.counts.verdicts.values())

            await eventually(lambda: books.shares == MINERS * SHARES)
            await eventually(lambda: counted() + books.unanswered == books.shares)
            pool.stop()
            await asyncio.to_thread(assert_equal, tap.snapshot(), tap.counts, books)
            done.set()
            await asyncio.gather(*miners)
            await eventually(lambda: tap.counts.verdicts[Verdict.UNANSWERED] == books.unanswered)
            totals = tap.snapshot()["totals"]
            assert totals["work"] == sum(books.work.values())
            assert totals["shares_rejected_by"] == books.rejected_by()
        server.close()

    asyncio.run(main())
    assert books.shares == MINERS * SHARES
