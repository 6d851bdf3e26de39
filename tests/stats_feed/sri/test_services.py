"""`stats-feed sri` between an API as SRI's and the real services, scraped as Prometheus scrapes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.prometheus import scraping
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Kind, Service
from tests.stats_feed.sri.programs import Line, Peer, Pool, Translator
from tests.stats_feed.sri.programs import Program as SriProgram
from tests.stats_feed.sri.server import ApiServer
from tests.support.until import sleep_until, until

pytestmark = pytest.mark.slow

SHARES = {
    "proxy": "stratum_proxy_miner_shares_submitted_total",
    "pool": "stratum_pool_connection_shares_submitted_total",
}
WORK = {
    "proxy": "stratum_proxy_miner_work_hashes_total",
    "pool": "stratum_pool_connection_work_hashes_total",
}
INTERVAL = 0.2


@contextmanager
def service(kind: Kind) -> Iterator[Service]:
    with Service(kind) as running:
        yield running
        assert not running.errors()


def feed(api: ApiServer, to: Service, *arguments: str, interval: float = INTERVAL) -> Program:
    return Program(
        *("stats_feed", "sri", "--url", api.url, "--source", "sri"),
        *("--to", f"{LOOPBACK}:{to.ingest}", "--interval", str(interval)),
        *("--cache-refresh", str(interval), *arguments),
    )


def accepted(peer: Peer) -> int:
    return sum(line.accepted for line in (*peer.lines, *peer.closed))


def truth(program: SriProgram) -> list[float]:
    return sorted(accepted(peer) for peer in program.peers.values() if peer.lines)


def shown(scrape: Scrape, kind: Kind) -> dict[str, float]:
    return scrape.values(SHARES[kind], "downstream_id", source="sri")


@pytest.mark.parametrize("kind", ["proxy", "pool"])
def test_the_rows_of_a_real_service_are_the_programs_through_restarts_and_churn(
    kind: Kind,
) -> None:
    random = Random(kind)
    program: Translator | Pool = Translator() if kind == "proxy" else Pool()
    highest: dict[str, float] = {}
    with (
        ApiServer(program) as api,
        service(kind) as running,
        feed(api, running) as started,
    ):
        started.wait_for_line(" is a ")
        for step in range(12):
            api.change(partial(happen, program, random, restart=step in (4, 8)))
            scrape = running.scrape_until(
                lambda scrape: sorted(shown(scrape, kind).values()) == truth(program)
            )
            for row, value in shown(scrape, kind).items():
                assert value >= highest.get(row, 0)
                highest[row] = value
            work = sum(scrape.values(WORK[kind], "downstream_id", source="sri").values())
            lines = [line for peer in program.peers.values() for line in peer.lines]
            closed = [line for peer in program.peers.values() for line in peer.closed]
            assert work == pytest.approx(sum(one.work for one in (*lines, *closed)) * 2**32)


def happen(program: Translator | Pool, random: Random, *, restart: bool) -> None:
    """Miners or clients leave, come and work; with `restart` everybody is new."""
    program.uptime += 1
    if restart:
        program.restart()
    peers = list(program.peers.values())
    if len(peers) > 3:
        program.leave(random.choice(peers))
    for _ in range(2):
        peer = program.connect("farm.a", f"192.0.2.{random.randrange(9)}")
        program.open_channel(peer)
    for peer in program.peers.values():
        for line in peer.lines:
            for _ in range(random.randrange(1, 5)):
                line.share(1024.0)
            line.refuse("stale-share")


def test_an_api_that_is_away_expires_and_an_empty_one_does_not() -> None:
    with service("proxy") as running:
        with ApiServer(Translator()) as api, feed(api, running):
            until(lambda: running.downstreams() == {"sri": 0})
        until(lambda: running.downstreams() == {"sri": None}, seconds=60.0)


def share(lines: Sequence[Line | None]) -> None:
    for line in lines:
        assert line is not None
        line.share(1.0)


def test_what_a_program_does_not_tell_is_an_absent_series() -> None:
    program = Translator(aggregated=True)
    for name in ("a", "b"):
        program.open_channel(program.connect(name))
    with ApiServer(program) as api, service("proxy") as running, feed(api, running):
        scrape = running.scrape_until(lambda scrape: scrape.names() == ["a", "b"], seconds=30.0)
        assert shown(scrape, "proxy") == {}
        for _ in range(7):
            api.change(partial(share, [program.shared]))
        family = "stratum_proxy_shares_submitted_total"
        running.scrape_until(lambda scrape: scrape.value(family, source="sri") == 7)


def test_a_feed_that_is_killed_again_and_again_loses_no_share_of_its_rows(tmp_path: Path) -> None:
    program = Translator()
    program.uptime = 5000.0
    lines = [program.open_channel(program.connect(name)) for name in ("a", "b", "c")]
    for line in lines:
        line.share(1.0)

    def work_until(moment: float) -> None:
        while time.monotonic() < moment:
            api.change(partial(share, lines))
            sleep_until(min(moment, time.monotonic() + 0.1))

    with (
        ApiServer(program) as api,
        service("proxy") as running,
        scraping(tmp_path, {"stats-proxy": running.web}) as prometheus,
    ):
        with feed(api, running):
            running.scrape_until(lambda scrape: len(shown(scrape, "proxy")) == 3, seconds=30.0)
            prometheus.next_scrape("stats-proxy", after=time.time())
        began, before = time.time(), sum(line.sent for line in lines)
        for pause in (0.0, 3.0):
            work_until(time.monotonic() + pause)
            with feed(api, running):
                work_until(time.monotonic() + 4.0)
        with feed(api, running):
            work_until(time.monotonic() + 2.0)
            done = sum(line.sent for line in lines)
            running.scrape_until(lambda scrape: sum(shown(scrape, "proxy").values()) == done)
            end = prometheus.next_scrape("stats-proxy", after=time.time())
            seconds = int(end - began) + 2
            increase = prometheus.value(
                f"sum(max_over_time({SHARES['proxy']}[{seconds}s])"
                f" - min_over_time({SHARES['proxy']}[{seconds}s]))",
                end,
            )
            resets = prometheus.value(f"sum(resets({SHARES['proxy']}[{seconds}s]))", end)
    assert resets == 0
    assert increase == pytest.approx(done - before, abs=3 * 4)
