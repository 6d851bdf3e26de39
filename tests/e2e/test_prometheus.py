"""What a real Prometheus makes of it: who is there at each scrape, and hashrate over time."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from stats_feed.simulate.agenda import Agenda
from stats_feed.simulate.fleet import Fleet, FleetPlan
from stats_feed.simulate.shares import REJECTED
from stats_gateway.sender import MinerTracker
from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.prometheus import Prometheus, scraping
from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import connected

pytestmark = pytest.mark.slow

JOB = "stats-proxy"
SEED = 1
MINERS = 30
SHARES_PER_MINUTE = 3000.0
WINDOW_SECONDS = 30


@pytest.fixture
def prometheus(proxy: Service, tmp_path: Path) -> Iterator[Prometheus]:
    with scraping(tmp_path, {JOB: proxy.web}) as running:
        yield running


def test_miners_come_and_go_within_one_scrape_and_their_history_stays(
    proxy: Service, prometheus: Prometheus
) -> None:
    staying = 'stratum_proxy_miner_hashrate_hashes_per_second{name="staying"}'
    leaving = 'stratum_proxy_miner_hashrate_hashes_per_second{name="leaving"}'
    with connected(proxy.ingest) as sender:
        sender.hello("translator")
        sender.say(miner_snapshot(miners("staying", "leaving")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["leaving", "staying"])
        there = prometheus.next_scrape(JOB, after=time.time())
        assert prometheus.value(leaving, there) == 1e14

        sender.say(miner_snapshot(miners("staying")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["staying"])
        gone = prometheus.next_scrape(JOB, after=time.time())
        assert prometheus.value(leaving, gone) is None
        assert prometheus.value(staying, gone) == 1e14
        assert prometheus.value("count(stratum_proxy_miner_info)", gone) == 1

        assert prometheus.value(leaving, there) == 1e14, "its history stays"
        assert prometheus.value(f"max_over_time({leaving}[1m])") == 1e14


def test_the_rates_of_work_and_of_shares_are_the_simulated_hashrate(
    proxy: Service, prometheus: Prometheus
) -> None:
    work = f"rate(stratum_proxy_miner_work_hashes_total[{WINDOW_SECONDS}s])"
    shares = f"rate(stratum_proxy_miner_shares_submitted_total[{WINDOW_SECONDS}s])"
    # Every share of a simulated miner has the same difficulty.
    hashes_per_share = (
        "stratum_proxy_miner_work_hashes_total / stratum_proxy_miner_shares_submitted_total"
    )
    simulate = ["simulate", "--scenario=calm", f"--seed={SEED}", f"--miners={MINERS}"]
    simulate += [f"--shares-per-minute={SHARES_PER_MINUTE}", "--interval=1", "--pool=none"]
    with Program("stats_feed", *simulate, f"--proxy={LOOPBACK}:{proxy.ingest}"):
        proxy.scrape_until(authorized)
        began = prometheus.next_scrape(JOB, after=time.time())
        end = prometheus.next_scrape(JOB, after=began + WINDOW_SECONDS)
        by_work = prometheus.value(f"sum({work})", end)
        by_shares = prometheus.value(f"sum({shares} * ({hashes_per_share}))", end)
    assert by_work == pytest.approx(simulated_hashrate(), rel=tolerance())
    assert by_shares == pytest.approx(by_work, rel=0.01)


def authorized(scrape: Scrape) -> bool:
    """Whether every miner has its name, with which its series begin."""
    names = scrape.names()
    return len(names) == MINERS and not any(name.startswith("Miner-") for name in names)


def simulated_hashrate() -> float:
    """What the accepted shares of the same fleet are worth, in H/s."""
    plan = FleetPlan(miners=MINERS, shares_per_minute=SHARES_PER_MINUTE, churn=0.0, troubled=False)
    fleet = Fleet(Agenda(), Random(f"{SEED} fleet"), MinerTracker(), plan)
    fleet.start(0.0)
    return fleet.hashrate * (1 - REJECTED)


def tolerance() -> float:
    """Five standard deviations of so many random shares, and one interval at the window's edge.

    A difficulty is a power of two, so there may be fewer shares than aimed at by the square root
    of two. Miners of unequal size count as fewer of equal size: 1.5 times is more than enough.
    """
    shares = MINERS * SHARES_PER_MINUTE / 60 * WINDOW_SECONDS / math.sqrt(2)
    return 5 * 1.5 / math.sqrt(shares) + 1 / WINDOW_SECONDS
