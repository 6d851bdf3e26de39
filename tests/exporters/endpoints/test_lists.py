import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.endpoints import lists
from exporters.endpoints.lists import Json, Lists, Page
from exporters.endpoints.summaries import PerSource, Totals, combined, totals_of
from stats_gateway.rows.rows import total_of
from stats_gateway.store.sources import Source
from stats_gateway.wire.services import Service
from tests.support.senders import Senders, at
from tests.support.snapshots import (
    NOW,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
)

UNKNOWN_SUMS = dict.fromkeys(("shares_rejected", "shares_rejected_by", "work"))


def told(service: Service = Service.PROXY, **snapshots: Fields) -> Senders:
    """Senders by name, each with its snapshot."""
    senders = Senders(service)
    for number, (name, snapshot) in enumerate(snapshots.items()):
        senders.hello(number, name)
        senders.send(number, snapshot)
    return senders


def every_miner(senders: Senders) -> Any:  # noqa: ANN401 - rows of JSON
    return part(Lists().miners(senders.store.view, Page()), "miners")


def stats(senders: Senders, seconds: float = 0.0) -> Json:
    store = senders.store
    return lists.stats(store.view, store.service, PerSource(totals_of), at(seconds))


def column(rows: Sequence[Json], *keys: str) -> list[tuple[object, ...]]:
    return [tuple(row[key] for key in keys) for row in rows]


def part(answer: Json, key: str) -> Any:  # noqa: ANN401 - parts are told apart by their key
    return cast("dict[str, Any]", answer)[key]


def test_miners_are_sorted_by_source_name_and_id() -> None:
    same = (miner(3, name="b"), miner(2, name="a"), miner(10, name="a"))
    senders = told(z=miner_snapshot(*same), y=miner_snapshot(miner(1, name="z")))
    assert column(every_miner(senders), "source", "name", "downstream_id") == [
        ("y", "z", 1),
        ("z", "a", 2),
        ("z", "a", 10),
        ("z", "b", 3),
    ]


def test_a_miner_has_every_field_and_null_for_the_unknown() -> None:
    (row,) = every_miner(told(a=miner_snapshot(miner(7, name="n", address="h:1"))))
    assert row == {
        "downstream_id": 7,
        "id": 7,
        "name": "n",
        "address": "h:1",
        "hashrate": 1.5e14,
        "shares_submitted": 42,
        "shares_rejected": None,
        "shares_rejected_by": None,
        "work": None,
        "connected_at": NOW - 920,
        "last_share_at": None,
        "agent": None,
        "difficulty": None,
        "device": {"hashrate": None, "power": None, "temperature": None},
        "state": "active",
        "source": "a",
    }


def test_connections_and_services_are_sorted() -> None:
    services = [{"service_type": kind, "address": address} for kind, address in ("Ma", "Pb", "Pa")]
    senders = told(
        Service.POOL,
        z=connection_snapshot(connection(2), connection(1), connection(3, connection_type="Mint")),
        y=pool_status(services=services),
    )
    view = senders.store.view
    rows = part(Lists().connections(view, Page()), "connections")
    assert column(rows, "source", "connection_type", "downstream_id") == [
        ("z", "Mint", 3),
        ("z", "Translator", 1),
        ("z", "Translator", 2),
    ]
    rows = part(lists.services(view, Page()), "services")
    assert column(rows, "source", "service_type", "address") == [
        ("y", "M", "a"),
        ("y", "P", "a"),
        ("y", "P", "b"),
    ]


def test_a_list_has_no_total_unless_a_part_of_it_is_asked_for() -> None:
    senders = told(a=miner_snapshot(miner(1), miner(2)), b=miner_snapshot(*map(miner, (3, 4, 5))))

    def ids(page: Page) -> tuple[list[object], object]:
        answer = Lists().miners(senders.store.view, page)
        return [row["id"] for row in part(answer, "miners")], answer.get("total")

    assert ids(Page()) == ([1, 2, 3, 4, 5], None)
    assert ids(Page(offset=1, limit=2)) == ([2, 3], 5)
    assert ids(Page(offset=2, limit=2)) == ([3, 4], 5)
    assert ids(Page(limit=0)) == ([], 5)
    assert ids(Page(offset=0)) == ([1, 2, 3, 4, 5], 5)
    assert ids(Page(offset=9, limit=10**18)) == ([], 5)


def test_totals_are_those_of_the_fresh_sources() -> None:
    senders = told(a=miner_snapshot(miner(1), miner(2)), b=miner_snapshot(miner(1)))
    senders.send(0, miner_snapshot(miner(1)), 20)
    senders.pass_time(30)
    totals = part(stats(senders, 30.0), "totals")
    assert totals == {
        "sources": 1,
        "miners": 1,
        "active": 1,
        "idle": 0,
        "hashrate": 1.5e14,
        "shares_submitted": 42,
        **UNKNOWN_SUMS,
    }


def test_totals_of_a_pool_count_each_connection_and_service() -> None:
    mint = connection(2, connection_type="Mint", hashrate=1.0)
    snapshot = connection_snapshot(connection(1), mint, listen_address="h:1")
    assert part(stats(told(Service.POOL, a=snapshot)), "totals") == {
        "sources": 1,
        "connections": 2,
        "services": 1,
        "hashrate": 3e15,
        "shares_submitted": 520,
        **UNKNOWN_SUMS,
    }


def test_totals_are_what_a_sender_adds_up_itself_and_else_what_its_rows_do() -> None:
    exact: Fields = {
        "shares_submitted": 1000,
        "shares_rejected_by": {"stale": 5, "new": 1},
        "work": 8.0,
    }
    rejects: Fields = {"shares_rejected_by": {"stale": 2, "duplicate": 0}}
    senders = told(
        exact=miner_snapshot(totals=exact),
        rows=miner_snapshot(miner(1, work=0.5, **rejects), miner(2, shares_submitted=None)),
        unknown=miner_snapshot(miner(1, shares_submitted=None)),
    )
    totals = part(stats(senders), "totals")
    assert totals["shares_submitted"] == 1042
    assert totals["shares_rejected"] == 8
    assert totals["shares_rejected_by"] == {"stale": 7, "duplicate": 0, "other": 1}
    assert totals["work"] == 8.5


def test_what_a_row_tells_of_rejects_agent_and_device_is_in_the_list() -> None:
    told_all = miner(
        1,
        shares_rejected_by={"stale": 2, "new": 3},
        agent="cgminer",
        difficulty=512.0,
        device={"power": 3400.0},
    )
    full, plain = every_miner(told(a=miner_snapshot(told_all, miner(2))))
    assert full["shares_rejected_by"] == {"stale": 2, "other": 3}
    assert (full["agent"], full["difficulty"]) == ("cgminer", 512.0)
    assert full["device"] == {"hashrate": None, "power": 3400.0, "temperature": None}
    assert (plain["shares_rejected_by"], plain["agent"]) == (None, None)


def test_a_source_that_is_down_is_listed_with_its_times_and_without_rows() -> None:
    senders = told(b=miner_snapshot(miner(1)), a=miner_snapshot())
    senders.send(1, miner_snapshot(), 25)
    senders.pass_time(30)
    sources = part(stats(senders, 30.0), "sources")
    assert column(sources, "source", "up", "age_seconds", "downstreams") == [
        ("a", True, 5.0, 0),
        ("b", False, 30.0, None),
    ]
    assert every_miner(senders) == []


@pytest.mark.parametrize(
    ("seconds", "healthy", "stale"), [(None, False, False), (0.0, True, False), (30.0, False, True)]
)
def test_health_tells_never_and_fresh_and_stale_apart(
    seconds: float | None, healthy: bool, stale: bool
) -> None:
    senders = Senders() if seconds is None else told(a=miner_snapshot())
    senders.pass_time(seconds or 0.0)
    answer = lists.health(senders.store.view, at(0))
    assert (answer["healthy"], answer["stale"]) == (healthy, stale)


def test_one_fresh_source_is_healthy_whatever_the_others_are() -> None:
    senders = told(a=miner_snapshot(), b=miner_snapshot())
    senders.send(0, miner_snapshot(), 20)
    senders.pass_time(30)
    answer = lists.health(senders.store.view, at(30.0))
    assert (answer["healthy"], answer["stale"]) == (True, False)
    assert column(part(answer, "sources"), "source", "up") == [("a", True), ("b", False)]


def test_a_clock_that_is_set_changes_no_age() -> None:
    senders = told(a=miner_snapshot())
    for step in (-1000.0, 0.0, 1000.0):
        now = replace(at(5.0), unix=at(5.0).unix + step)
        for answer in (
            lists.health(senders.store.view, now),
            lists.stats(senders.store.view, Service.PROXY, PerSource(totals_of), now),
        ):
            assert column(part(answer, "sources"), "age_seconds") == [(5.0,)]


@pytest.mark.parametrize(
    "senders", [Senders(), told(a={"BalanceUpdate": {"balance": 5, "timestamp": NOW}})]
)
def test_totals_of_nothing_known_are_null_and_never_0(senders: Senders) -> None:
    totals = dict(part(stats(senders), "totals"))
    totals.pop("sources")
    rows = ("miners", "active", "idle", "hashrate", "shares_submitted")
    assert totals == dict.fromkeys(rows) | UNKNOWN_SUMS


def test_totals_of_a_pool_of_which_nothing_is_known_are_null() -> None:
    totals = dict(part(stats(Senders(Service.POOL)), "totals"))
    assert totals.pop("sources") == 0
    rows = ("connections", "services", "hashrate", "shares_submitted")
    assert totals == dict.fromkeys(rows) | UNKNOWN_SUMS


def test_an_empty_fleet_is_0_and_not_null() -> None:
    assert part(stats(told(a=miner_snapshot())), "totals") == {
        "sources": 1,
        "miners": 0,
        "active": 0,
        "idle": 0,
        "hashrate": 0.0,
        "shares_submitted": 0,
        "shares_rejected": 0,
        "shares_rejected_by": None,
        "work": 0.0,
    }


def test_a_source_is_added_up_and_sorted_once_until_it_changes() -> None:
    senders = told(a=miner_snapshot(miner(1)), b=miner_snapshot(miner(1)))
    asked: list[str] = []

    def work(source: Source) -> Totals:
        asked.append(source.name)
        return totals_of(source)

    totals = PerSource(work)
    for _ in range(3):
        lists.stats(senders.store.view, Service.PROXY, totals, at(0))
    assert asked == ["a", "b"]
    senders.send(0, miner_snapshot(miner(1), miner(2)), 5.0)
    stats = lists.stats(senders.store.view, Service.PROXY, totals, at(5.0))
    assert asked == ["a", "b", "a"]
    assert part(stats, "totals")["miners"] == 3


def test_nothing_is_kept_of_sources_that_are_gone() -> None:
    totals = PerSource(totals_of)
    senders = told(
        Service.PROXY, **{f"s{number}": miner_snapshot(miner(1)) for number in range(10)}
    )
    for source in senders.store.view.sources.values():
        totals.of(source)
    assert len(totals) == 10
    del source, senders
    gc.collect()
    assert len(totals) == 0


@given(st.lists(st.lists(st.sampled_from([None, 0.0, 1.5, 1e300]), max_size=4), max_size=4))
def test_totals_of_sources_add_up_like_the_rows_of_all_together(
    fleets: list[list[float | None]],
) -> None:
    senders = Senders(Service.POOL)
    for number, rates in enumerate(fleets):
        senders.hello(number, f"s{number}")
        rows = [connection(id_, hashrate=rate) for id_, rate in enumerate(rates)]
        senders.send(number, connection_snapshot(*rows))
    total = combined(map(totals_of, senders.store.view.fresh()))
    expected = total_of(rate for rates in fleets for rate in rates) if fleets else None
    assert total.hashrate == (expected and pytest.approx(expected, rel=1e-12))
    assert total.rows == (sum(map(len, fleets)) if fleets else None)
