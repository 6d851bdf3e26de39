"""Whose login is checked next, and whose is dropped from a full queue."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from exporters.http.login_queue import LoginQueue


def test_clients_take_turns() -> None:
    queue: LoginQueue[str] = LoginQueue(10, 4)
    for item in ("a1", "a2", "a3", "b1", "b2", "c1"):
        assert queue.add(item[0], item) is None
    assert [queue.next() for _ in range(7)] == ["a1", "b1", "c1", "a2", "b2", "a3", None]


def test_one_client_has_only_so_many_waiting() -> None:
    queue: LoginQueue[int] = LoginQueue(10, 4)
    assert [queue.add("a", number) for number in range(6)] == [None] * 4 + [4, 5]


def test_a_full_queue_makes_room_for_a_client_that_has_none_waiting() -> None:
    queue: LoginQueue[str] = LoginQueue(8, 4)
    for item in ("a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"):
        queue.add(item[0], item)
    assert queue.add("c", "c1") == "a4"
    assert queue.add("c", "c2") == "b4"
    assert queue.add("c", "c3") == "c3"


def test_a_full_queue_of_equals_is_full() -> None:
    queue: LoginQueue[str] = LoginQueue(2, 4)
    assert queue.add("a", "a1") is None
    assert queue.add("b", "b1") is None
    assert queue.add("c", "c1") == "c1"


@given(st.lists(st.sampled_from("abcdefgh")))
def test_both_bounds_hold_and_nothing_is_lost(clients: list[str]) -> None:
    queue: LoginQueue[tuple[str, int]] = LoginQueue(8, 3)
    dropped = []
    for number, client in enumerate(clients):
        dropped.append(queue.add(client, (client, number)))
        assert len(queue) <= 8
    gone = [one for one in dropped if one is not None]
    taken = []
    while (item := queue.next()) is not None:
        taken.append(item)
    assert sorted(taken + gone) == sorted((client, n) for n, client in enumerate(clients))
    assert all(count <= 3 for count in Counter(client for client, _ in taken).values())
