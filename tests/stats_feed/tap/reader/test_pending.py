"""Answers find their requests by id, and what is not answered is given up."""

from stats_feed.tap.reader.messages import key_of
from stats_feed.tap.reader.pending import ANSWER_SECONDS, MAX_PENDING, Kind, Pending, Request
from stats_feed.tap.reader.room import Room


def submit(number: int, at: float = 0.0) -> Request:
    return Request(Kind.SUBMIT, at, str(number))


def test_answers_may_come_in_any_order() -> None:
    pending = Pending(Room(9))
    for number in range(3):
        pending.add(number, submit(number))
    assert [pending.take(number) for number in (2, 0, 1)] == [submit(2), submit(0), submit(1)]
    assert (pending.take(0), len(pending)) == (None, 0)


def test_of_requests_with_one_id_the_oldest_is_answered_first() -> None:
    pending = Pending(Room(9))
    for number in range(3):
        pending.add(None, submit(number))
    assert [pending.take(None) for _ in range(4)] == [submit(0), submit(1), submit(2), None]


def test_ids_of_different_kinds_are_different_and_long_ones_stay_small() -> None:
    ids = [1, "1", None, True, False, "", [1], {"a": 1}, 2**70, "x" * 60_000, "x" * 60_001]
    keys = [key_of(one) for one in ids]
    assert len(set(keys)) == len(ids)
    assert all(len(str(key)) < 100 for key in keys)
    assert key_of(1.0) == key_of(1)
    assert key_of("\ud800" * 100) is not None


def test_a_request_is_given_up_after_a_minute() -> None:
    pending = Pending(Room(9))
    pending.add(7, submit(1, 0.0))
    pending.add(7, submit(2, 1.0))
    assert pending.expire(ANSWER_SECONDS - 0.1) == []
    assert pending.expire(ANSWER_SECONDS) == [submit(1)]
    assert pending.take(7) == submit(2, 1.0)


def test_the_oldest_request_makes_room_for_a_new_one() -> None:
    room = Room(2 * MAX_PENDING)
    pending = Pending(room)
    gone = [one for number in range(MAX_PENDING + 5) for one in pending.add(1, submit(number))]
    assert gone == [submit(number) for number in range(5)]
    assert len(pending) == room.taken == MAX_PENDING
    assert len(pending.clear()) == MAX_PENDING
    assert room.taken == 0


def test_where_all_connections_together_have_too_many_a_new_request_is_given_up() -> None:
    room = Room(2)
    one, other = Pending(room), Pending(room)
    assert [one.add(1, submit(1)), one.add(2, submit(2))] == [[], []]
    assert other.add(1, submit(3)) == [submit(3)]
    assert other.take(1) is None
    one.take(1)
    assert other.add(1, submit(4)) == []
