"""How many requests are answered at once and in a time, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.access.web_config import RateLimit
from exporters.http.request_limits import Bucket, Slots

LIMIT = RateLimit(interval=10.0, burst=3)


def take_all(slots: Slots, client: str) -> int:
    """Take every slot that `client` may have."""
    count = 0
    while slots.has_one_for(client):
        slots.take(client)
        count += 1
    return count


def test_one_client_has_at_most_half_of_the_slots() -> None:
    assert take_all(Slots(40), "one") == 20


def test_two_clients_that_take_all_they_can_leave_slots_for_clients_without_an_answer() -> None:
    slots = Slots(40)
    assert take_all(slots, "one") == 20
    assert take_all(slots, "two") == 10
    for number in range(10):
        assert slots.has_one_for(f"other {number}")
        slots.take(f"other {number}")
        assert not slots.has_one_for(f"other {number}")
    assert not slots.has_one_for("late")


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_few_slots_are_of_use_too(most: int) -> None:
    slots = Slots(most)
    assert take_all(slots, "one") >= 1
    assert most == 1 or slots.has_one_for("two")


def test_a_slot_that_was_given_back_can_be_taken_again() -> None:
    slots = Slots(2)
    slots.take("one")
    assert not slots.has_one_for("one")
    slots.give_back("one")
    assert slots.has_one_for("one")


@given(st.integers(1, 50), st.lists(st.sampled_from("abcde")))
def test_never_more_are_taken_than_there_are(most: int, clients: list[str]) -> None:
    slots = Slots(most)
    taken = 0
    for client in clients:
        if slots.has_one_for(client):
            slots.take(client)
            taken += 1
    assert taken <= most


def test_a_burst_is_let_through_and_then_one_request_each_interval() -> None:
    bucket = Bucket()
    assert [bucket.take(LIMIT, 0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(LIMIT, 9.9), bucket.take(LIMIT, 10.1)] == [False, True]
    assert not bucket.take(LIMIT, 10.2)


def test_a_long_pause_fills_the_bucket_and_does_not_overfill_it() -> None:
    bucket = Bucket()
    assert bucket.take(LIMIT, 0.0)
    assert [bucket.take(LIMIT, 1e6) for _ in range(4)] == [True, True, True, False]


def test_a_new_limit_begins_with_a_full_bucket() -> None:
    bucket = Bucket()
    for _ in range(4):
        bucket.take(LIMIT, 0.0)
    assert bucket.take(RateLimit(interval=10.0, burst=1), 0.0)
