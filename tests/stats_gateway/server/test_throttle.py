from stats_gateway.server.throttle import MAX_KEYS, MAX_YES, Throttle


def test_a_key_is_let_through_once_in_its_time_and_says_how_often_it_was_held_back() -> None:
    throttle = Throttle(60.0)
    assert throttle.ask("peer", 0.0) == 0
    assert throttle.ask("peer", 1.0) is None
    assert throttle.ask("peer", 59.9) is None
    assert throttle.ask("peer", 60.0) == 2
    assert throttle.ask("peer", 120.0) == 0


def test_keys_are_apart() -> None:
    throttle = Throttle(60.0)
    assert throttle.ask("one", 0.0) == 0
    assert throttle.ask("two", 0.0) == 0
    assert throttle.ask("one", 1.0) is None


def test_only_so_many_keys_are_remembered_and_the_busy_ones_longest() -> None:
    throttle = Throttle(60.0, max_yes=2 * MAX_KEYS)
    assert throttle.ask("busy", 0.0) == 0
    for number in range(MAX_KEYS):
        assert throttle.ask(number, 1.0) == 0
        assert throttle.ask("busy", 1.0) is None
    assert throttle.ask(0, 2.0) == 0


def test_many_keys_together_are_let_through_only_so_often() -> None:
    throttle = Throttle(60.0)
    answers = [throttle.ask(number, 0.0) for number in range(MAX_YES + 1)]
    assert answers == [0] * MAX_YES + [None]
    assert throttle.ask("another", 59.9) is None
    assert throttle.ask("another", 60.0) == 1
