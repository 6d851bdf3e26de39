from itertools import islice
from random import Random

from stats_gateway.sender.backoff import FIRST_DELAY, MAX_DELAY, backoff


class Highest(Random):
    """Draws the upper end of every range."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the base class's signature
        return b


def test_the_ceiling_doubles_up_to_the_maximum() -> None:
    delays = islice(backoff(Highest(), first=1.0, maximum=10.0), 6)
    assert list(delays) == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_every_delay_lies_between_zero_and_its_ceiling() -> None:
    ceilings = islice(backoff(Highest()), 200)
    delays = islice(backoff(Random(1)), 200)
    assert all(0.0 <= delay <= ceiling for delay, ceiling in zip(delays, ceilings, strict=True))


def test_the_jitter_is_full() -> None:
    late = list(islice(backoff(Random(2)), 1000))[100:]
    assert min(late) < 0.1 * MAX_DELAY
    assert max(late) > 0.9 * MAX_DELAY


def test_one_seed_gives_one_sequence() -> None:
    assert list(islice(backoff(Random(3)), 20)) == list(islice(backoff(Random(3)), 20))


def test_the_first_attempts_come_quickly() -> None:
    assert next(backoff(Highest())) == FIRST_DELAY <= 1.0
