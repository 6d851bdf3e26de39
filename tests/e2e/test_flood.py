"""A hundred connects and disconnects a second: what is exposed in the end is what was sent last."""

import time
from collections.abc import Iterator

import pytest

from stats_gateway.sender import MinerTracker, SnapshotLoop, StatsHandle
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import NOON, miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import connected, frame, line
from tests.support.until import sleep_until, until

pytestmark = pytest.mark.slow

A_SECOND = 100
SECONDS = 3


def paced() -> Iterator[int]:
    """Numbers from 0, a hundred a second, for `SECONDS`."""
    began = time.monotonic()
    for number in range(A_SECOND * SECONDS):
        sleep_until(began + number / A_SECOND)
        yield number


def test_connections_that_come_and_go_leave_the_last_snapshot_and_nothing_else(
    proxy: Service,
) -> None:
    before = proxy.open_files()
    for number in paced():
        come_and_go(proxy.ingest, number)
    with connected(proxy.ingest) as named, connected(proxy.ingest, line) as unnamed:
        named.hello("named")
        named.say(miner_snapshot(miners("last", "of", "the", "named")))
        unnamed.say(miner_snapshot(miners("last", "unnamed")))
        scrape = proxy.scrape_until(
            lambda scrape: (
                scrape.value("stats_gateway_connections") == 2
                and scrape.names("named") == ["last", "named", "of", "the"]
                and scrape.names(LOOPBACK) == ["last", "unnamed"]
            )
        )
        assert scrape.sources() == {"named": True, LOOPBACK: True}
        assert len(scrape.names()) == 6
        until(lambda: proxy.open_files() <= before + 2, what="no file open but the two senders'")


def come_and_go(port: int, number: int) -> None:
    """One connection: named or not, in either encoding, ended well, early or by a reset."""
    encode = (frame, line)[number % 2]
    with connected(port, encode) as sender:
        if number % 4 < 2:
            sender.hello("named")
        sender.say(miner_snapshot(miners(f"miner-{number}")))
        if number % 3 == 0:
            sender.reset()
        elif number % 3 == 1:
            sender.peer.sendall(b"\0\0")


def test_miners_that_come_and_go_are_a_few_snapshots_and_the_last_is_exact(proxy: Service) -> None:
    tracker = MinerTracker()
    handle = StatsHandle((LOOPBACK, proxy.ingest), source="translator")
    with handle, SnapshotLoop(tracker, handle):
        proxy.scrape_until(lambda scrape: scrape.sources() == {"translator": True})
        began = time.monotonic()
        for number in paced():
            tracker.connect(number, f"miner-{number}", None, now=NOON)
            if number >= 50:
                tracker.disconnect(number - 50)
        took = time.monotonic() - began
        last = [f"miner-{number}" for number in range(A_SECOND * SECONDS - 50, A_SECOND * SECONDS)]
        scrape = proxy.scrape_until(lambda scrape: scrape.names() == sorted(last))
        assert scrape.value("stats_gateway_downstreams") == len(last)
        snapshots = scrape.value("stats_gateway_messages_total", type="MinerSnapshot") or 0
        assert snapshots <= took + 3, "at most one a second, and the first and the last"
