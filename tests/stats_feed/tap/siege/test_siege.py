"""Mining goes on whatever others do to the tap, and its counts are the pool's."""

import asyncio

import pytest

from tests.stats_feed.tap.siege.siege import as_many, besiege_tap

HALF_OPEN = 2_000
"""`make soak` has 10,000 of them."""

SECONDS = 2.0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_crowd_and_a_worker_that_is_killed_cost_no_miner_a_share_that_is_counted() -> None:
    asyncio.run(besiege_tap(1, SECONDS, as_many(HALF_OPEN)))
