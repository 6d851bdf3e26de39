from collections.abc import Sequence
from typing import Any, cast

import pytest

from exporters.endpoints import lists
from exporters.endpoints.lists import Json, Page
from stats_gateway.wire.services import Service
from tests.support.senders import Senders
from tests.support.snapshots import (
    NOW,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
)


def told(service: Service = Service.PROXY, **snapshots: Fields) -> Senders:
    """Senders by name, each with its snapshot."""
    senders = Senders(service)
    for number, (name, snapshot) in enumerate(snapshots.items()):
        senders.hello(number, name)
        senders.send(number, snapshot)
    return senders


def column(rows: Sequence[Json], *keys: str) -> list[tuple[object, ...]]:
    return [tuple(row[key] for key in keys) for row in rows]


def part(answer: Json, key: str) -> Any:  # noqa: ANN401 - parts are told apart by their key
    return cast("dict[str, Any]", answer)[key]


def test_miners_are_sorted_by_source_name_and_id() -> None:
    same = (miner(3, name="b"), miner(2, name="a"), miner(10, name="a"))
    senders = told(z=miner_snapshot(*same), y=miner_snapshot(miner(1, name="z")))
    assert column(lists.miners(senders.store.view), "source", "name", "downstream_id") == [
        ("y", "z", 1),
        ("z", "a", 2),
        ("z", "a", 10),
        ("z", "b", 3),
    ]


def test_a_miner_has_every_field_and_null_for_the_unknown() -> None:
    (row,) = lists.miners(told(a=miner_snapshot(miner(7, name="n", address="h:1"))).store.view)
    assert row == {
        "downstream_id": 7,
        "id": 7,
        "name": "n",
        "address": "h:1",
        "hashrate": 1.5e14,
        "shares_submitted": 42,
        "shares_rejected": None,
        "work": None,
        "connected_at": NOW - 920,
        "last_share_at": None,
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
    assert column(lists.connections(view), "source", "connection_type", "downstream_id") == [
        ("z", "Mint", 3),
        ("z", "Translator", 1),
        ("z", "Translator", 2),
    ]
    assert column(lists.services(view), "source", "service_type", "address") == [
        ("y", "M", "a"),
        ("y", "P", "a"),
        ("y", "P", "b"),
    ]


def test_a_list_has_no_total_unless_a_part_of_it_is_asked_for() -> None:
    rows: list[Json] = [{"row": number} for number in range(5)]
    assert Page().cut("rows", rows) == {"rows": rows}
    assert Page(offset=1, limit=2).cut("rows", rows) == {"rows": rows[1:3], "total": 5}
    assert Page(limit=0).cut("rows", rows) == {"rows": [], "total": 5}
    assert Page(offset=0).cut("rows", rows) == {"rows": rows, "total": 5}
    assert Page(offset=9, limit=10**18).cut("rows", rows) == {"rows": [], "total": 5}


def test_totals_are_those_of_the_fresh_sources() -> None:
    senders = told(a=miner_snapshot(miner(1), miner(2)), b=miner_snapshot(miner(1)))
    senders.send(0, miner_snapshot(miner(1)), 20)
    senders.pass_time(30)
    totals = part(lists.stats(senders.store.view, Service.PROXY, NOW + 30.0), "totals")
    assert totals == {
        "sources": 1,
        "miners": 1,
        "active": 1,
        "idle": 0,
        "hashrate": 1.5e14,
        "shares_submitted": 42,
    }


def test_totals_of_a_pool_count_each_connection_and_service() -> None:
    mint = connection(2, connection_type="Mint", hashrate=1.0)
    snapshot = connection_snapshot(connection(1), mint, listen_address="h:1")
    stats = lists.stats(told(Service.POOL, a=snapshot).store.view, Service.POOL, NOW)
    assert part(stats, "totals") == {
        "sources": 1,
        "connections": 2,
        "services": 1,
        "hashrate": 3e15,
        "shares_submitted": 520,
    }


def test_a_source_that_is_down_is_listed_with_its_times_and_without_rows() -> None:
    senders = told(b=miner_snapshot(miner(1)), a=miner_snapshot())
    senders.send(1, miner_snapshot(), 25)
    senders.pass_time(30)
    sources = part(lists.stats(senders.store.view, Service.PROXY, NOW + 30.0), "sources")
    assert column(sources, "source", "up", "age_seconds", "downstreams") == [
        ("a", True, 5.0, 0),
        ("b", False, 30.0, None),
    ]
    assert lists.miners(senders.store.view) == []


@pytest.mark.parametrize(
    ("seconds", "healthy", "stale"), [(None, False, False), (0.0, True, False), (30.0, False, True)]
)
def test_health_tells_never_and_fresh_and_stale_apart(
    seconds: float | None, healthy: bool, stale: bool
) -> None:
    senders = Senders() if seconds is None else told(a=miner_snapshot())
    senders.pass_time(seconds or 0.0)
    answer = lists.health(senders.store.view, NOW)
    assert (answer["healthy"], answer["stale"]) == (healthy, stale)


def test_one_fresh_source_is_healthy_whatever_the_others_are() -> None:
    senders = told(a=miner_snapshot(), b=miner_snapshot())
    senders.send(0, miner_snapshot(), 20)
    senders.pass_time(30)
    answer = lists.health(senders.store.view, NOW + 30.0)
    assert (answer["healthy"], answer["stale"]) == (True, False)
    assert column(part(answer, "sources"), "source", "up") == [("a", True), ("b", False)]


def test_a_clock_that_was_set_back_makes_no_age_negative() -> None:
    answer = lists.health(told(a=miner_snapshot()).store.view, NOW - 100.0)
    assert column(part(answer, "sources"), "age_seconds") == [(0.0,)]
