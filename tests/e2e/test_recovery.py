"""Restarts of the service, cuts of the network: right again by themselves, and never twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from stats_gateway.sender import MinerTracker, SnapshotLoop, StatsHandle
from tests.e2e.harness.link import Link
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import NOON
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch, no_row_twice

pytestmark = pytest.mark.slow

INTERVAL_SECONDS = 1.0


@contextmanager
def translator(port: int) -> Iterator[MinerTracker]:
    """What a translator embeds, with two miners, sending every second."""
    tracker = MinerTracker()
    for number, name in enumerate(("a", "b"), 1):
        tracker.connect(number, name, None, now=NOON)
    handle = StatsHandle((LOOPBACK, port), source="translator", interval=INTERVAL_SECONDS)
    with handle, SnapshotLoop(tracker, handle):
        yield tracker


def test_a_killed_and_restarted_service_is_right_after_the_next_snapshot(proxy: Service) -> None:
    with translator(proxy.ingest) as tracker:
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        proxy.kill()
        tracker.disconnect(1)
        tracker.connect(3, "c", None, now=NOON)
        with Service("proxy", ingest=proxy.ingest, web=proxy.web) as restarted:
            scrape = restarted.scrape_until(lambda scrape: scrape.names() == ["b", "c"])
            assert scrape.sources() == {"translator": True}
            assert restarted.stop() == 0


def test_a_cut_network_makes_the_source_down_and_heals_with_the_next_snapshot(
    proxy: Service,
) -> None:
    with Link(proxy.ingest) as link, translator(link.port) as tracker, Watch(proxy, no_row_twice):
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        link.cut()
        cut = proxy.scrape_until(lambda scrape: not scrape.names())
        assert cut.sources() == {"translator": False}
        tracker.disconnect(1)
        tracker.connect(3, "c", None, now=NOON)
        link.reset()
        link.heal()
        healed = proxy.scrape_until(lambda scrape: scrape.names() == ["b", "c"])
        assert healed.sources() == {"translator": True}


def test_a_sender_behind_a_half_open_connection_is_never_seen_twice(proxy: Service) -> None:
    with Link(proxy.ingest) as link, translator(link.port) as tracker:
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        with Watch(proxy, no_row_twice) as watch:
            for number in range(3, 6):
                tracker.connect(number, f"new-{number}", None, now=NOON)
                link.forget_senders()
                newest = partial(has_miner, f"new-{number}")
                assert proxy.scrape_until(newest).sources() == {"translator": True}
            watch.pass_by()
        # The service has closed each connection that was taken over.
        proxy.scrape_until(lambda scrape: scrape.value("stats_gateway_connections") == 1)


def has_miner(name: str, scrape: Scrape) -> bool:
    return name in scrape.names()
