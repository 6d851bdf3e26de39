"""Whole snapshots in, whole snapshots out: from nothing to several sources, and what disturbs."""

from functools import partial

import pytest

from tests.e2e.harness.rows import (
    NOON,
    full_connection_snapshot,
    full_miner_snapshot,
    miner,
    miner_snapshot,
    miners,
)
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch, no_row_twice
from tests.e2e.harness.wire import Message, connected, frame, line
from tests.support.until import until

pytestmark = pytest.mark.slow


def test_before_the_first_snapshot_it_is_empty_and_says_so_which_is_not_stale(
    proxy: Service,
) -> None:
    never = proxy.get("/health")
    assert never.status == 503
    assert never.json() == {"healthy": False, "stale": False, "sources": []}
    assert not proxy.scrape().story()
    assert proxy.get("/api/miners").json() == {"miners": []}
    with connected(proxy.ingest) as sender:
        sender.say(miner_snapshot(miners("a", "b")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        fresh = proxy.get("/health")
        assert fresh.status == 200
        assert fresh.json()["healthy"]
        assert not fresh.json()["stale"]


def test_an_empty_snapshot_is_fresh_and_counts_zero_miners(proxy: Service) -> None:
    with connected(proxy.ingest) as sender:
        sender.hello("empty")
        sender.say(miner_snapshot([]))
        scrape = proxy.scrape_until(Scrape.sources)
        assert scrape.values("stratum_proxy_miners", "state") == {"active": 0, "idle": 0}
        assert scrape.value("stratum_proxy_hashrate_hashes_per_second") == 0
        assert proxy.get("/health").status == 200


def test_two_sources_stand_beside_each_other_whatever_their_encoding(proxy: Service) -> None:
    with connected(proxy.ingest, frame) as one, connected(proxy.ingest, line) as other:
        one.hello("one")
        other.hello("other")
        one.say(full_miner_snapshot(miners("a", "b")))
        other.say(full_miner_snapshot(miners("a", "b")))
        scrape = proxy.scrape_until(lambda scrape: scrape.names("one") and scrape.names("other"))
        values = [
            {
                (sample.name, *sorted(sample.labels.values())): sample.value
                for sample in (
                    sample._replace(labels=sample.labels | {"source": ""})
                    for sample in scrape.about_source(source)
                )
                if not sample.name.endswith("_received_timestamp_seconds")
            }
            for source in ("one", "other")
        ]
        assert values[0] == values[1]


def test_a_source_that_goes_empty_does_not_touch_the_other(proxy: Service) -> None:
    with connected(proxy.ingest) as one, connected(proxy.ingest) as other:
        one.hello("one")
        other.hello("other")
        one.say(full_miner_snapshot(miners("a", "b")))
        other.say(full_miner_snapshot(miners("a", "c")))
        both = proxy.scrape_until(lambda scrape: scrape.names("one") and scrape.names("other"))
        other.say(miner_snapshot([]))
        after = proxy.scrape_until(lambda scrape: not scrape.names("other"))
        assert after.about_source("one") == both.about_source("one")
        assert after.sources() == {"one": True, "other": True}


def test_a_second_connection_of_a_source_takes_it_over_and_the_first_is_closed(
    proxy: Service,
) -> None:
    with connected(proxy.ingest) as first, connected(proxy.ingest) as second:
        first.hello("translator")
        first.say(miner_snapshot(miners("a", "b")))
        proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
        with Watch(proxy, no_row_twice) as watch:
            second.hello("translator")
            first.wait_for_end()
            watch.pass_by()
            assert proxy.scrape().names() == ["a", "b"], "they stay until the new one has sent"
            second.say(miner_snapshot(miners("b", "c")))
            proxy.scrape_until(lambda scrape: scrape.names() == ["b", "c"])
            watch.pass_by()
        assert proxy.scrape().sources() == {"translator": True}


def test_a_snapshot_of_a_connection_that_was_taken_over_does_not_come_back(proxy: Service) -> None:
    """The old one's snapshot takes long to decode, and the new one's has arrived by then."""
    large = frame(miner_snapshot(miners(*(f"old-{number}" for number in range(60_000)))))
    with connected(proxy.ingest) as first, connected(proxy.ingest) as second:
        first.hello("translator")
        first.peer.sendall(large)
        proxy.scrape_until(
            lambda scrape: (scrape.value("stats_gateway_received_bytes_total") or 0) > len(large)
        )
        second.hello("translator")
        second.say(miner_snapshot(miners("new")))
        first.wait_for_end()
        until(lambda: proxy.downstreams() == {"translator": 1})
        # Large enough to wait for its turn behind whatever the first had sent.
        with connected(proxy.ingest) as third:
            third.hello("third")
            third.say(miner_snapshot(miners(*(f"third-{number}" for number in range(1000)))))
            until(lambda: proxy.downstreams().get("third") == 1000)
        assert proxy.downstreams()["translator"] == 1


def test_retired_events_and_malformed_messages_change_nothing_but_counts(proxy: Service) -> None:
    events: list[Message] = [
        {"type": "ShareSubmitted", "downstream_id": 1, "timestamp": NOON},
        {"type": "DownstreamConnected", "downstream_id": 9, "flags": 0, "name": "ghost"},
        {"type": "DownstreamDisconnected", "downstream_id": 1},
        {"type": "HashrateUpdate", "downstream_id": 1, "hashrate": 1.0, "timestamp": NOON},
    ]
    malformed: list[Message] = [
        {"MinerSnapshot": {"miners": [{"downstream_id": 1}], "timestamp": NOON}},
        {"MinerSnapshot": {"miners": [{**miner(1, "a"), "hashrate": "fast"}], "timestamp": NOON}},
        miner_snapshot([miner(7, "twin"), miner(7, "twin")]),
        {"Nonsense": {}},
        full_connection_snapshot(),
    ]
    for encode in (frame, line):
        with connected(proxy.ingest, encode) as sender:
            sender.hello("translator")
            sender.say(full_miner_snapshot(miners("a", "b")))
            before = proxy.scrape_until(lambda scrape: scrape.names() == ["a", "b"])
            sender.say(*events, *malformed)
            after = proxy.scrape_until(partial(has_refused, len(malformed), before))
            assert after.story() == before.story()
            assert after.gained(before, "stats_gateway_messages_total", "type") == {
                "ShareSubmitted": 1,
                "DownstreamConnected": 1,
                "DownstreamDisconnected": 1,
                "HashrateUpdate": 1,
            }
            assert after.gained(before, "stats_gateway_messages_refused_total", "reason") == {
                "malformed": 2,
                "duplicate_downstream": 1,
                "unknown_message": 1,
                "wrong_service": 1,
            }
            sender.say(miner_snapshot(miners("c")))
            proxy.scrape_until(lambda scrape: scrape.names() == ["c"])


def has_refused(count: int, before: Scrape, after: Scrape) -> bool:
    reasons = after.gained(before, "stats_gateway_messages_refused_total", "reason")
    return sum(reasons.values()) == count
