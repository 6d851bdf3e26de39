"""What time does to a source whose sender is gone or silent, also while nobody asks."""

import time
from contextlib import ExitStack

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
SILENT_SECONDS = 30.0
LATE_SECONDS = 1.0
"""The service looks at the time four times a second, and then renders, on a busy machine."""


def test_rows_outlive_a_killed_sender_by_10_s_and_a_silent_one_by_30_s_scraped_or_not(
    proxy: Service,
) -> None:
    simulate = ("simulate", "--scenario=calm", "--pool=none", "--proxy-source=killed")
    with ExitStack() as stack:
        sender = stack.enter_context(
            Program("stats_feed", *simulate, f"--proxy={LOOPBACK}:{proxy.ingest}")
        )
        silent = stack.enter_context(connected(proxy.ingest))
        silent.hello("silent")
        sent = time.monotonic()
        silent.say(full_miner_snapshot(miners("a", "b")))
        until(lambda: proxy.downstreams() == {"killed": 25, "silent": 2})
        killed = arrived = time.monotonic()
        sender.kill()

        # Nobody scrapes until the time is over.
        sleep_until(killed + CLOSED_SECONDS - LATE_SECONDS)
        assert proxy.downstreams() == {"killed": 25, "silent": 2}
        sleep_until(killed + CLOSED_SECONDS + LATE_SECONDS)
        assert_down(proxy.scrape(), "killed")

        sleep_until(sent + SILENT_SECONDS - LATE_SECONDS)
        assert proxy.downstreams() == {"killed": None, "silent": 2}
        sleep_until(arrived + SILENT_SECONDS + LATE_SECONDS)
        assert_down(proxy.scrape(), "silent")

        stale = proxy.get("/health")
        assert (stale.status, stale.json()["healthy"], stale.json()["stale"]) == (503, False, True)
        assert proxy.get("/api/miners").json()["miners"] == []
        assert proxy.scrape().value("stats_gateway_connections") == 1, "it is still connected"
        silent.say(full_miner_snapshot(miners("a")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["a"])


def test_the_job_declarator_expires_like_everything_else(pool: Service) -> None:
    with connected(pool.ingest, line) as declarator:
        declarator.say(jds_snapshot())
        there = pool.scrape_until(Scrape.sources)
        assert there.find("stratum_pool_service_info", service_type="JobDeclarator")
        closed = time.monotonic()
    sleep_until(closed + CLOSED_SECONDS + LATE_SECONDS)
    assert_down(pool.scrape(), LOOPBACK)
    assert pool.get("/api/services").json()["services"] == []


def test_a_sender_that_declares_an_interval_is_given_three_of_them(proxy: Service) -> None:
    with connected(proxy.ingest) as sender:
        sender.hello("quick", interval=1.0)
        sender.say(full_miner_snapshot(miners("a")))
        proxy.scrape_until(Scrape.names)
        arrived = time.monotonic()
        sleep_until(arrived + 3.0 + LATE_SECONDS)
        assert_down(proxy.scrape(), "quick")


def assert_down(scrape: Scrape, source: str) -> None:
    """The source is known to be down, and of what it had said nothing is left, not even a 0."""
    assert scrape.sources()[source] is False
    assert {sample.name for sample in scrape.about_source(source)} == {
        "stats_gateway_source_up",
        "stats_gateway_source_snapshot_timestamp_seconds",
        "stats_gateway_source_received_timestamp_seconds",
        "stats_gateway_source_interval_seconds",
    }
