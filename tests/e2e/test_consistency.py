"""No answer mixes two snapshots, however fast they follow each other."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.e2e.harness.rows import miner, miner_snapshot
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import GZIP, OPENMETRICS, TEXT, Service, client
from tests.e2e.harness.watch import Watch
from tests.e2e.harness.wire import Message, connected
from tests.support.until import until

pytestmark = pytest.mark.slow

GENERATIONS_SEEN = 30
SIZES = (1, 40, 0, 7, 300, 2)
"""Rows of one generation after the other; 300 rows are decoded off the event loop, 40 on it."""

ROW_FAMILIES = {
    "stratum_proxy_miner_hashrate_hashes_per_second",
    "stratum_proxy_miner_shares_submitted_total",
    "stratum_proxy_miner_shares_rejected_total",
    "stratum_proxy_miner_connected_timestamp_seconds",
    "stratum_proxy_miner_last_share_timestamp_seconds",
}
"""Those whose every value is the generation."""

SOURCE_FAMILIES = {
    "stats_gateway_source_snapshot_timestamp_seconds",
    "stratum_proxy_wallet_balance_ehash",
    "stratum_proxy_quotes_created_total",
    "stratum_proxy_quotes_amount_ehash_total",
}


def size(generation: int) -> int:
    return SIZES[generation % len(SIZES)]


def snapshot(generation: int) -> Message:
    """A snapshot in which everything says which generation it is."""
    every: dict[str, Any] = {  # Any: what JSON can say
        "hashrate": float(generation),
        "shares_submitted": generation,
        "shares_rejected": generation,
        "work": generation / 2**32,
        "connected_at": generation,
        "last_share_at": generation,
        "address": f"generation-{generation}",
    }
    rows = [miner(number, f"{generation}", **every) for number in range(size(generation))]
    wallet = {"balance": generation, "quotes_created": generation, "quotes_amount": generation}
    upstream = {"address": f"generation-{generation}", "connected": True, "network": "regtest"}
    return miner_snapshot(rows, generation, wallet=wallet, upstream=upstream)


@contextmanager
def generations(service: Service, source: str) -> Iterator[None]:
    """A sender that sends one generation after the other, as fast as they are taken."""
    stopping = threading.Event()

    def run() -> None:
        with connected(service.ingest) as sender:
            sender.hello(source)
            for generation in itertools.count(1):
                sender.say(snapshot(generation))
                if stopping.is_set():
                    return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


class Seen:
    """Checks scrapes, each source by itself, and remembers the generations they were of."""

    def __init__(self) -> None:
        self.generations: set[float] = set()

    def check(self, scrape: Scrape) -> None:
        for source in scrape.sources():
            self.generations.add(assert_one_generation(scrape, source))


def assert_one_generation(scrape: Scrape, source: str) -> float:
    generation = scrape.value("stats_gateway_source_snapshot_timestamp_seconds", source=source)
    assert generation is not None
    rows = size(int(generation))
    about = scrape.about_source(source)
    expected = Counter(dict.fromkeys(ROW_FAMILIES, rows)) + Counter(SOURCE_FAMILIES)
    told = ROW_FAMILIES | SOURCE_FAMILIES
    assert Counter(sample.name for sample in about if sample.name in told) == expected
    assert {sample.value for sample in about if sample.name in told} == {generation}
    work = scrape.find("stratum_proxy_miner_work_hashes_total", source=source)
    assert [sample.value for sample in work] == [pytest.approx(generation)] * rows
    labels = {sample.labels["name"] for sample in about if "name" in sample.labels}
    labels |= {
        sample.labels["address"].split("-")[1] for sample in about if "address" in sample.labels
    }
    assert labels == {f"{generation:.0f}"}
    assert sum(scrape.values("stratum_proxy_miners", "state", source=source).values()) == rows
    assert scrape.value("stats_gateway_downstreams", source=source) == rows
    total = scrape.value("stratum_proxy_hashrate_hashes_per_second", source=source)
    assert total == pytest.approx(rows * generation)
    return generation


def test_no_scrape_mixes_two_snapshots_in_any_format(proxy: Service) -> None:
    seen = [Seen(), Seen()]
    with ExitStack() as stack:
        for source in ("one", "other"):
            stack.enter_context(generations(proxy, source))
        for one, headers in zip(seen, (TEXT | GZIP, OPENMETRICS), strict=True):
            stack.enter_context(Watch(proxy, one.check, headers))
        until(lambda: all(len(one.generations) >= GENERATIONS_SEEN for one in seen), 60.0)


def test_no_answer_of_the_api_mixes_two_snapshots(proxy: Service) -> None:
    seen: set[int] = set()
    with generations(proxy, "one"), client(proxy.web) as scraper:
        proxy.scrape_until(Scrape.sources)
        while len(seen) < GENERATIONS_SEEN:
            rows = scraper.get("/api/miners").json()["miners"]
            assert len({row["name"] for row in rows}) <= 1
            for row in rows:
                generation = int(row["name"])
                assert len(rows) == size(generation)
                assert {row["shares_submitted"], row["connected_at"], row["hashrate"]} == {
                    generation
                }
                seen.add(generation)
            stats = scraper.get("/api/stats").json()
            (source,) = stats["sources"]
            generation = source["snapshot_timestamp"]
            assert source["downstreams"] == stats["totals"]["miners"] == size(generation)
            assert stats["totals"]["shares_submitted"] == size(generation) * generation
