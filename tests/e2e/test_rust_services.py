"""The lines of the released Rust services: two connections a producer, and what those really do."""

from contextlib import ExitStack

import pytest

from tests.e2e.harness.rust import (
    Producer,
    jds_snapshot,
    pool_status,
    producer,
    proxy_row,
    service_snapshot,
    status_row,
    translator_status,
    window_row,
)
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch, no_row_twice
from tests.e2e.harness.wire import connected, line

pytestmark = pytest.mark.slow

HOST = "127.0.0.5"
SECOND = f"{HOST}#2"
HASHRATE = "stratum_proxy_miner_hashrate_hashes_per_second"
WORK = "stratum_proxy_miner_work_hashes_total"


def tick(translator: Producer, lifetime: int, *names: str) -> None:
    """Both lines of one tick, for miners of these names, numbered from 1."""
    numbered = list(enumerate(names, 1))
    rows = [status_row(number, name, shares_submitted=lifetime) for number, name in numbered]
    windows = [
        window_row(number, name, lifetime, shares=30, difficulty=2.0) for number, name in numbered
    ]
    translator.status.say(translator_status(*rows))
    translator.metrics.say(service_snapshot("Translator", *windows))


def ticked(scrape: Scrape, *names: str, source: str = HOST) -> bool:
    """Whether both lines of a tick have arrived."""
    has_work = scrape.find(WORK, source=source)
    return scrape.names(source) == sorted(names) and len(has_work) == len(names)


def test_status_and_metrics_lines_are_one_source_whose_rows_are_there_once(proxy: Service) -> None:
    with producer(proxy.ingest, HOST) as translator, Watch(proxy, no_row_twice):
        tick(translator, 100, "a", "b")
        first = proxy.scrape_until(lambda scrape: ticked(scrape, "a", "b"))
        assert first.sources() == {HOST: True}
        # 30 shares of difficulty 2 in 60 s.
        assert first.values(HASHRATE, "name") == {"a": 2.0**32, "b": 2.0**32}
        assert first.values(WORK, "name") == {"a": 0, "b": 0}
        assert first.value("stratum_proxy_wallet_balance_ehash") == 500_000
        assert first.find("stratum_proxy_upstream_info", network="testnet4")
        assert not first.find("stratum_proxy_upstream_connected")
        tick(translator, 110, "a", "b")
        proxy.scrape_until(
            lambda scrape: scrape.values(WORK, "name") == {"a": 20 * 2.0**32, "b": 20 * 2.0**32}
        )


def test_a_ghost_of_the_same_name_stays_apart_by_its_id(proxy: Service) -> None:
    with producer(proxy.ingest, HOST) as translator:
        translator.status.say(
            translator_status(
                status_row(9, "rig", hashrate=2e11), status_row(3, "rig", hashrate=0.0)
            )
        )
        scrape = proxy.scrape_until(Scrape.names)
        assert scrape.values(HASHRATE, "downstream_id", name="rig") == {"3": 0, "9": 2e11}


def test_two_rows_with_one_id_are_refused_and_the_last_good_line_stays(proxy: Service) -> None:
    with producer(proxy.ingest, HOST) as translator:
        tick(translator, 100, "a", "b")
        before = proxy.scrape_until(lambda scrape: ticked(scrape, "a", "b"))
        twice = window_row(1, "a", 200, shares=1, difficulty=1.0)
        translator.status.say(translator_status(status_row(1, "a"), status_row(1, "b")))
        translator.metrics.say(service_snapshot("Translator", twice, twice))
        refused = "stats_gateway_messages_refused_total"
        after = proxy.scrape_until(
            lambda scrape: scrape.value(refused, reason="duplicate_downstream") == 2
        )
        assert after.story() == before.story()


def test_redacted_addresses_are_absent_and_names_are_whatever_the_miner_chose(
    proxy: Service,
) -> None:
    name = 'bc1q"\\}{.rig 1%s ⛏'
    with producer(proxy.ingest, HOST) as translator:
        translator.status.say(
            translator_status(status_row(1, name, address="REDACTED"), status_row(2, "two\nlines"))
        )
        scrape = proxy.scrape_until(Scrape.names)
        assert scrape.names() == [name, "two\ufffdlines"]
        (redacted,) = scrape.find("stratum_proxy_miner_info", downstream_id="1")
        assert "address" not in redacted.labels
        assert "REDACTED" not in scrape.text
        rows = proxy.get("/api/miners").json()["miners"]
        assert [(row["name"], row["address"]) for row in rows] == [
            (name, None),
            ("two\ufffdlines", "192.168.1.2:4444"),
        ]


def test_after_a_reconnect_over_half_open_connections_no_row_is_ever_shown_twice(
    proxy: Service,
) -> None:
    with producer(proxy.ingest, HOST) as half_open, producer(proxy.ingest, HOST) as again:
        with Watch(proxy, no_row_twice) as watch:
            tick(half_open, 100, "a", "b")
            proxy.scrape_until(lambda scrape: ticked(scrape, "a", "b"))
            # One line at a time, with scrapes in between: all that a scrape could ever see.
            again.metrics.say(
                service_snapshot(
                    "Translator",
                    *(
                        window_row(number, name, 5, shares=5, difficulty=1.0)
                        for number, name in ((1, "b"), (2, "c"))
                    ),
                )
            )
            watch.pass_by()
            again.status.say(translator_status(status_row(1, "b"), status_row(2, "c")))
            proxy.scrape_until(lambda scrape: scrape.names() == ["b", "c"])
            watch.pass_by()
        assert proxy.scrape().sources() == {HOST: True}


def test_only_when_the_older_one_speaks_again_the_newer_one_becomes_number_2(
    proxy: Service,
) -> None:
    with producer(proxy.ingest, HOST) as older, producer(proxy.ingest, HOST) as newer:
        tick(older, 100, "old")
        proxy.scrape_until(lambda scrape: ticked(scrape, "old"))
        with Watch(proxy, no_row_twice) as watch:
            tick(newer, 100, "new")
            taken_over = proxy.scrape_until(lambda scrape: ticked(scrape, "new"))
            assert taken_over.sources() == {HOST: True}
            watch.pass_by()
            tick(older, 110, "old")
            proxy.scrape_until(are_two)
            for lifetime in (120, 130):
                tick(newer, lifetime, "new")
                tick(older, lifetime, "old")
                watch.pass_by()
        assert are_two(proxy.scrape())


def test_of_two_behind_one_address_the_silent_one_is_the_one_that_came_back(
    proxy: Service,
) -> None:
    with ExitStack() as stack, Watch(proxy, no_row_twice) as watch:
        older, newer, again = (stack.enter_context(producer(proxy.ingest, HOST)) for _ in range(3))
        tick(older, 100, "old")
        proxy.scrape_until(lambda scrape: ticked(scrape, "old"))
        tick(newer, 100, "new")
        proxy.scrape_until(lambda scrape: ticked(scrape, "new"))
        tick(older, 110, "old")
        proxy.scrape_until(are_two)
        tick(again, 100, "new")
        watch.pass_by()
        tick(older, 120, "old")
        tick(again, 110, "new")
        watch.pass_by()
        assert are_two(proxy.scrape())


def are_two(scrape: Scrape) -> bool:
    """Whether the older one has its address for a name again, and the newer one #2."""
    return (
        scrape.sources() == {HOST: True, SECOND: True}
        and ticked(scrape, "old")
        and ticked(scrape, "new", source=SECOND)
    )


def test_a_producer_may_reconnect_a_hundred_times_and_is_one_source(proxy: Service) -> None:
    with ExitStack() as stack, Watch(proxy, no_row_twice):
        for number in range(100):
            translator = stack.enter_context(producer(proxy.ingest, HOST))
            tick(translator, number, f"miner-{number}")
        scrape = proxy.scrape_until(lambda scrape: ticked(scrape, "miner-99"))
        assert scrape.sources() == {HOST: True}


def test_a_pool_its_windows_and_its_job_declarator_are_merged(pool: Service) -> None:
    with (
        producer(pool.ingest, HOST) as sender,
        connected(pool.ingest, line, address=HOST) as declarator,
        Watch(pool, no_row_twice),
    ):
        sender.status.say(pool_status(proxy_row(1), proxy_row(2, work_selection=True)))
        sender.metrics.say(
            service_snapshot("Pool", window_row(1, "translator_1", 260, shares=30, difficulty=2.0))
        )
        declarator.say(jds_snapshot())
        scrape = pool.scrape_until(
            lambda scrape: (
                scrape.find("stratum_pool_connection_work_hashes_total")
                and scrape.value("stats_gateway_messages_total", type="JdsSnapshot")
            )
        )
        assert scrape.sources() == {HOST: True}
        assert scrape.values("stratum_pool_connections", "connection_type") == {
            "Translator": 1,
            "Job Declarator": 1,
            "Mint": 0,
            "Miner": 0,
        }
        hashrate = "stratum_pool_connection_hashrate_hashes_per_second"
        assert scrape.values(hashrate, "downstream_id") == {"1": 2.0**32}
        services = scrape.find("stratum_pool_service_info")
        assert sorted(service.labels["service_type"] for service in services) == [
            "JobDeclarator",
            "Mint",
            "Pool",
        ]
