"""Over real sockets, too, the tap counts what the pool itself has counted."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from stats_feed.tap.books.counts import Verdict
from tests.stats_feed.tap.passing.mining import Pool, mine
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, TIMEOUT, RunningTap
from tests.stats_feed.tap.world import Books, assert_equal

MINERS = 25
SHARES = 60
"""Of each miner."""

HASTE = 0.02
"""Delays of the pool take so much of the time that they say."""


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - it is about what other threads do
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("loop", EACH_LOOP)
def test_shares_over_real_sockets_are_counted_as_the_pool_counts_them(loop: str) -> None:
    books = Books()

    async def main() -> None:
        pool = Pool(books, jobs_a_second=20, haste=HASTE)
        server = await asyncio.start_server(pool.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        done = asyncio.Event()
        with RunningTap(f"--upstream={host}:{port}", loop=LOOPS[loop]) as tap:
            miners = []
            for number in range(MINERS):
                random = Random(f"pauses {number}")
                pauses = [random.expovariate(200) for _ in range(SHARES)]
                miner = Random(f"miner {number}")
                mining = mine(miner, number, tap.addresses[0], pauses, done)
                miners.append(asyncio.create_task(mining))
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
