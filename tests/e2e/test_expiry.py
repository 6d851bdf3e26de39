"""What time does to a source whose sender is gone or silent, also while nobody asks.

The tests of the store hold the rules; here real time passes once, to show that they are at work.
"""

import time

import pytest

from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.rows import full_miner_snapshot, miners
from tests.e2e.harness.rust import jds_snapshot
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import connected, line
from tests.support.until import sleep_until, until

pytestmark = pytest.mark.slow

CLOSED_SECONDS = 10.0
INTERVAL_SECONDS = 1.0
SILENT_SECONDS = 3 * INTERVAL_SECONDS
LATE_SECONDS = 3.0
"""The service looks at the time four times a second, and then renders, on a slow machine."""


def test_what_a_sender_told_outlives_its_connection_by_10_s_scraped_or_not(
    proxy: Service, pool: Service
) -> None:
    simulate = ("simulate", "--scenario=calm", "--pool=none", "--proxy-source=killed")
    with Program("stats_feed", *simulate, f"--proxy={LOOPBACK}:{proxy.ingest}") as sender:
        with connected(pool.ingest, line) as declarator:
            declarator.say(jds_snapshot())
            there = pool.scrape_until(Scrape.sources)
            assert there.find("stratum_pool_service_info", service_type="JobDeclarator")
        until(lambda: proxy.downstreams() == {"killed": 25})
        killed = time.monotonic()
        sender.kill()

    # Nobody scrapes until the time is over.
    sleep_until(killed + CLOSED_SECONDS - LATE_SECONDS)
    assert proxy.downstreams() == {"killed": 25}
    sleep_until(killed + CLOSED_SECONDS + LATE_SECONDS)
    assert_down(proxy.scrape(), "killed")
    assert_down(pool.scrape(), LOOPBACK)
    assert pool.get("/api/services").json()["services"] == []


def test_a_connected_sender_may_be_silent_for_three_of_its_intervals(proxy: Service) -> None:
    with connected(proxy.ingest) as silent:
        silent.hello("silent", interval=INTERVAL_SECONDS)
        silent.say(full_miner_snapshot(miners("a", "b")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        arrived = time.monotonic()
        sleep_until(arrived + SILENT_SECONDS + LATE_SECONDS)
        assert_down(proxy.scrape(), "silent")

        stale = proxy.get("/health")
        assert (stale.status, stale.json()["healthy"], stale.json()["stale"]) == (503, False, True)
        assert proxy.get("/api/miners").json()["miners"] == []
        assert proxy.scrape().value("stats_gateway_connections") == 1, "it is still connected"
        silent.say(full_miner_snapshot(miners("a")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["a"])


def assert_down(scrape: Scrape, source: str) -> None:
    """The source is known to be down, and of what it had said nothing is left, not even a 0."""
    assert scrape.sources()[source] is False
    assert {sample.name for sample in scrape.about_source(source)} == {
        "stats_gateway_source_up",
        "stats_gateway_source_snapshot_timestamp_seconds",
        "stats_gateway_source_received_timestamp_seconds",
        "stats_gateway_source_interval_seconds",
    }
