import contextlib

import pytest

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_TOTAL_CHANNELS, Limits
from stats_gateway.store.capacity import Held, check_total, held_by, source_to_forget
from stats_gateway.wire.services import Service
from tests.support.senders import Senders
from tests.support.snapshots import (
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    window,
)

HERE, THERE = "192.0.2.1", "192.0.2.2"
NAMED_BY = {"a": HERE, "b": HERE, "c": THERE}


def three(*down: str) -> Senders:
    """Sources a, b and c; those that are down went down in this order."""
    senders = Senders()
    for number, (name, address) in enumerate(NAMED_BY.items()):
        senders.hello(number, name, address=address)
        senders.send(number, miner_snapshot(miner(1)), down.index(name) if name in down else 50)
    for seconds in range(30, 30 + len(down)):
        senders.pass_time(seconds)
    return senders


def to_forget(senders: Senders, network: str = HERE, **limits: int) -> str | None:
    return source_to_forget(network, senders.store.view.sources, Limits(**limits))


def test_nothing_is_forgotten_while_there_is_room() -> None:
    assert to_forget(three("a"), max_sources=4) is None


def test_a_network_that_named_too_many_loses_the_one_that_is_down_the_longest() -> None:
    assert to_forget(three("c", "b", "a"), max_sources_per_address=2) == "b"


def test_where_all_are_too_many_the_network_that_named_the_most_loses_one() -> None:
    assert to_forget(three("c", "b"), max_sources=3) == "b"
    assert to_forget(three("c", "b", "a"), "192.0.2.3", max_sources=3) == "b"


def test_a_source_that_is_down_is_not_forgotten_for_a_name_of_somebody_who_named_more() -> None:
    with pytest.raises(MessageRefused) as refused:
        source_to_forget(HERE, three("c").store.view.sources, Limits(max_sources=3))
    assert refused.value.reason is Reason.TOO_MANY_SOURCES


def test_no_source_that_is_up_is_ever_forgotten() -> None:
    for limits in (Limits(max_sources=3), Limits(max_sources_per_address=2)):
        with pytest.raises(MessageRefused) as refused:
            source_to_forget(HERE, three().store.view.sources, limits)
        assert refused.value.reason is Reason.TOO_MANY_SOURCES


def test_what_a_source_keeps_are_its_rows_services_and_channels() -> None:
    senders = Senders(Service.POOL)
    senders.connect(1)
    senders.send(1, connection_snapshot(connection(1, channels=[1, 2]), listen_address="a:1"))
    assert senders.store.held == Held(rows=2, channels=2)
    senders.send(1, {"listen_address": "b:2", "timestamp": 1})
    assert senders.store.held == Held(rows=3, channels=2)
    senders.send(1, service_snapshot(window(1), window(2), service_type="Pool"))
    assert senders.store.held == Held(rows=5, channels=2)
    senders.send(1, pool_status())
    assert senders.store.held == held_by(senders.source(HERE))
    senders.pass_time(100)
    assert senders.store.held == Held()


def test_growing_past_a_bound_is_refused_and_shrinking_never_is() -> None:
    limits = Limits(max_total_rows=4)
    check_total(Held(rows=3), Held(rows=4), limits)
    check_total(Held(rows=9), Held(rows=8), limits)
    check_total(Held(channels=9), Held(channels=MAX_TOTAL_CHANNELS), limits)
    for after in (Held(rows=5), Held(channels=MAX_TOTAL_CHANNELS + 1)):
        with pytest.raises(MessageRefused) as refused:
            check_total(Held(), after, limits)
        assert refused.value.reason is Reason.TOO_MANY_ROWS


def test_the_bound_holds_however_a_sender_without_hello_comes_by_its_name() -> None:
    """Each further sender of one address takes the place of another before it moves away."""
    senders = Senders(limits=Limits(max_total_rows=10))
    rows = miner_snapshot(*map(miner, range(10)))
    for number in range(6):
        senders.connect(number)
    for _ in range(3):
        for number in range(6):
            with contextlib.suppress(MessageRefused):
                senders.send(number, rows)
            assert sum(map(len, senders.shown().values())) <= 10


def test_a_message_that_is_refused_changes_nothing() -> None:
    senders = Senders(limits=Limits(max_total_rows=3))
    for number in (1, 2):
        senders.connect(number)
        senders.send(number, miner_snapshot(miner(1), miner(2)))
    view, places = senders.store.view, dict(senders.peers[1].places)
    with pytest.raises(MessageRefused):
        senders.send(1, miner_snapshot(miner(1), miner(2)))
    assert senders.store.view is view
    assert senders.peers[1].places == places
