from stats_gateway.server.buffers import Buffers


def test_what_connections_hold_adds_up_and_is_given_back() -> None:
    buffers = Buffers(100)
    assert buffers.hold(1, "a", 40) == []
    assert buffers.hold(2, "b", 60) == []
    assert buffers.total == 100
    buffers.release(1)
    buffers.release(1)
    assert buffers.total == 60


def test_a_connection_holds_what_it_held_last() -> None:
    buffers = Buffers(100)
    for size in (10, 90, 20, 0):
        assert buffers.hold(1, "a", size) == []
        assert buffers.total == size


def test_the_largest_connection_of_the_address_that_holds_most_has_to_go() -> None:
    buffers = Buffers(100)
    buffers.hold(1, "large", 50)
    for connection, size in ((2, 20), (3, 25), (4, 5)):
        buffers.hold(connection, "many", size)
    assert buffers.hold(5, "many", 10) == [3]
    assert buffers.total == 85


def test_as_many_go_as_it_takes_the_newcomer_too() -> None:
    buffers = Buffers(100)
    buffers.hold(1, "a", 60)
    buffers.hold(2, "b", 30)
    assert buffers.hold(3, "c", 200) == [3]
    assert buffers.hold(4, "c", 95) == [4]
    assert buffers.total == 90
