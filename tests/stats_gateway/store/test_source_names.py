"""Which source a connection's rows belong to. Connections are numbered as they come."""

import pytest

from stats_gateway.rows.share_windows import HASHES_PER_DIFFICULTY
from stats_gateway.store.source_names import is_address_like
from tests.support.senders import Senders
from tests.support.snapshots import (
    Fields,
    miner,
    miner_snapshot,
    service_snapshot,
    status_miner,
    translator_status,
    window,
)

HERE = "192.0.2.1"


def sent(*ids: int) -> Fields:
    return miner_snapshot(*(miner(id_) for id_ in ids))


def without_hello(count: int) -> Senders:
    senders = Senders()
    for number in range(1, count + 1):
        senders.connect(number)
    return senders


def test_a_source_is_named_by_hello_else_by_alias_else_by_address() -> None:
    senders = Senders(aliases={"192.0.2.2": "farm"})
    senders.hello(1, "translator-1", address="192.0.2.9")
    senders.connect(2, "192.0.2.2")
    senders.connect(3, "192.0.2.3")
    for number in (1, 2, 3):
        senders.send(number, sent(number))
    assert senders.shown() == {"translator-1": [1], "farm": [2], "192.0.2.3": [3]}


def test_a_second_hello_of_one_name_takes_over_and_the_first_has_to_close() -> None:
    senders = Senders()
    assert senders.hello(1, "a") is None
    senders.send(1, sent(1))
    assert senders.hello(2, "a") == 1
    assert senders.shown() == {"a": [1]}, "until the newcomer has sent"
    senders.send(2, sent(2))
    senders.close(1, 1)
    senders.pass_time(20)
    assert senders.shown() == {"a": [2]}


def test_what_the_loser_of_a_name_had_under_way_replaces_nothing() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.hello(2, "a")
    senders.send(2, sent(2))
    senders.send(1, sent(1))
    assert senders.shown() == {"a": [2]}


def test_a_name_that_is_taken_over_twice_in_a_row_closes_each_loser_once() -> None:
    senders = Senders()
    assert [senders.hello(number, "a") for number in (1, 2, 3)] == [None, 1, 2]
    senders.close(2)
    senders.close(1)
    assert senders.hello(4, "a") == 3


def test_a_sender_that_reconnects_is_shown_once_while_its_old_connection_is_half_open() -> None:
    senders = without_hello(2)
    senders.send(1, sent(1, 2))
    senders.send(2, sent(1, 3), 5)
    assert senders.shown() == {HERE: [1, 3]}
    senders.close(1, 6)
    senders.pass_time(25)
    assert senders.shown() == {HERE: [1, 3]}, "the end of the old one takes nothing away"


def test_a_sender_that_reconnects_after_a_close_is_shown_once() -> None:
    senders = without_hello(2)
    senders.send(1, sent(1))
    senders.close(1, 1)
    senders.send(2, sent(2), 2)
    senders.pass_time(20)
    assert senders.shown() == {HERE: [2]}


def test_two_senders_are_two_once_the_older_one_speaks_again() -> None:
    senders = without_hello(2)
    senders.send(1, sent(1))
    senders.send(2, sent(2), 1)
    assert senders.shown() == {HERE: [2]}
    senders.send(1, sent(1), 10)
    assert senders.shown() == {HERE: [1], f"{HERE}#2": [2]}
    senders.send(2, sent(2, 3), 11)
    assert senders.shown() == {HERE: [1], f"{HERE}#2": [2, 3]}


def test_a_second_sender_keeps_its_number_to_the_end_of_its_connection() -> None:
    senders = without_hello(2)
    for number, seconds in ((1, 0), (2, 1), (1, 10)):
        senders.send(number, sent(number), seconds)
    senders.close(1, 11)
    senders.pass_time(40)
    senders.send(2, sent(2), 41)
    assert senders.shown() == {f"{HERE}#2": [2]}


def test_a_second_sender_that_comes_back_takes_its_number_again() -> None:
    senders = without_hello(2)
    for number, seconds in ((1, 0), (2, 1), (1, 10)):
        senders.send(number, sent(number), seconds)
    senders.close(2, 12)
    senders.connect(3)
    senders.send(3, sent(2), 13)
    assert senders.shown() == {HERE: [1], f"{HERE}#2": [2]}


def test_a_newcomer_does_not_share_the_number_of_a_sender_that_lives() -> None:
    senders = without_hello(2)
    for number, seconds in ((1, 0), (2, 1), (1, 10)):
        senders.send(number, sent(number), seconds)
    senders.close(1, 11)
    senders.send(2, sent(2), 20)
    senders.pass_time(22)
    senders.connect(3)
    senders.send(3, sent(3), 23)
    senders.send(2, sent(2), 30)
    senders.send(3, sent(3), 33)
    rows = sorted(senders.shown().values())
    assert rows == [[2], [3]]
    assert senders.shown()[f"{HERE}#2"] == [2]


@pytest.mark.parametrize(
    "order", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]
)
def test_three_senders_are_three_in_whatever_order_they_speak(order: tuple[int, ...]) -> None:
    senders = without_hello(3)
    for tick in range(3):
        for number in order:
            senders.send(number, sent(number), 10 * tick)
    assert sorted(senders.shown().values()) == [[1], [2], [3]]
    names = set(senders.shown())
    for number in order:
        senders.send(number, sent(number), 30)
    assert set(senders.shown()) == names, "and keep their names"


def test_one_sender_over_two_connections_is_one_source() -> None:
    senders = without_hello(2)
    for seconds in (0, 10, 20):
        senders.send(1, translator_status(status_miner(1)), seconds)
        senders.send(2, service_snapshot(window(1)), seconds)
    assert senders.shown() == {HERE: [1]}


def test_two_senders_over_two_connections_each_are_two_sources() -> None:
    senders = without_hello(4)
    for seconds in (0, 10, 20):
        for status, shares, miner_id, difficulty in ((1, 2, 1, 60.0), (3, 4, 2, 120.0)):
            senders.send(status, translator_status(status_miner(miner_id)), seconds)
            row = window(miner_id, sum_difficulty_in_window=difficulty)
            senders.send(shares, service_snapshot(row), seconds)
    assert senders.shown() == {HERE: [1], f"{HERE}#2": [2]}
    second = senders.source(f"{HERE}#2").miners
    assert second is not None
    assert second.hashrate == [2.0 * HASHES_PER_DIFFICULTY]


def test_both_connections_of_one_sender_may_come_back_in_either_order() -> None:
    for order in ((3, 4), (4, 3)):
        senders = without_hello(4)
        messages = {3: translator_status(status_miner(1)), 4: service_snapshot(window(1))}
        senders.send(1, messages[3])
        senders.send(2, messages[4])
        for number in order:
            senders.send(number, messages[number], 10)
            assert senders.shown() == {HERE: [1]}


def test_work_goes_on_where_a_sender_comes_back() -> None:
    senders = without_hello(2)
    for number, shares, seconds in ((1, 100, 0), (1, 110, 10), (2, 120, 20)):
        senders.send(number, service_snapshot(window(1, shares_lifetime=shares)), seconds)
    rows = senders.source(HERE).miners
    assert rows is not None
    assert rows.work == [20 * 100.5 / 5]


def test_another_address_is_another_sender() -> None:
    senders = Senders()
    senders.connect(1, "192.0.2.1")
    senders.connect(2, "192.0.2.11")
    senders.send(1, sent(1))
    senders.send(2, sent(1))
    senders.send(1, sent(1))
    assert senders.shown() == {"192.0.2.1": [1], "192.0.2.11": [1]}


@pytest.mark.parametrize("name", ["192.0.2.1", "::1", "192.0.2.1#2", "farm#2", "fe80::1%eth0"])
def test_no_hello_may_use_a_name_that_senders_without_hello_get(name: str) -> None:
    assert is_address_like(name)


@pytest.mark.parametrize("name", ["translator-1", "pool.example.org", "1.2.3", "50%"])
def test_other_names_are_free(name: str) -> None:
    assert not is_address_like(name)
