from stats_gateway.server.buffers import Buffers
from tests.support.senders import peer


def test_what_connections_hold_adds_up_and_is_given_back() -> None:
    buffers, first, second = Buffers(100), peer(1, "a"), peer(2, "b")
    assert buffers.hold(first, 40) == []
    assert buffers.hold(second, 60) == []
    assert buffers.total == 100
    buffers.release(first)
    buffers.release(first)
    assert buffers.total == 60


def test_a_connection_holds_what_it_held_last() -> None:
    buffers, only = Buffers(100), peer(1)
    for size in (10, 90, 20, 0):
        assert buffers.hold(only, size) == []
        assert buffers.total == only.held_bytes == size


def test_the_largest_connection_of_the_network_that_holds_most_has_to_go() -> None:
    buffers = Buffers(100)
    buffers.hold(peer(1, "large"), 50)
    many = [peer(number, "many") for number in (2, 3, 4)]
    for one, size in zip(many, (20, 25, 5), strict=True):
        buffers.hold(one, size)
    assert buffers.hold(peer(5, "many"), 10) == [many[1]]
    assert buffers.total == 85


def test_as_many_go_as_it_takes_the_newcomer_too() -> None:
    buffers = Buffers(100)
    buffers.hold(peer(1, "a"), 60)
    buffers.hold(peer(2, "b"), 30)
    for newcomer, size in ((peer(3, "c"), 200), (peer(4, "c"), 95)):
        assert buffers.hold(newcomer, size) == [newcomer]
    assert buffers.total == 90
