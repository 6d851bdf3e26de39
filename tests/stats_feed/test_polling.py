import threading
import time
from collections.abc import Callable, Sequence

import pytest

from stats_feed.health import Health, SourceHealth
from stats_feed.polling import (
    MAX_PAUSE,
    Delivery,
    Failure,
    Poller,
    ReadError,
    WrongSourceError,
    poll_all,
)
from tests.support.until import until


class Scripted:
    """A source that does one thing after another, the last one for ever."""

    def __init__(self, *steps: Callable[[], None], interval: float = 0.01) -> None:
        self.interval = interval
        self.reads = 0
        self._steps = list(steps)

    def read(self) -> Sequence[Delivery]:
        self.reads += 1
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        step()
        return []


def fine() -> None:
    pass


def wrong() -> None:
    raise WrongSourceError("no such thing")


def away() -> None:
    raise ReadError(Failure.UNREACHABLE, "connection refused")


def broken() -> None:
    raise ZeroDivisionError


def health_of(source: Scripted, seconds: float = 10.0) -> SourceHealth:
    """The health after the source was read four times."""
    health = Health("1").add_source("s")
    stop = threading.Event()
    failures: list[WrongSourceError] = []
    poller = Poller(source, health, stop, failures.append)
    until(lambda: source.reads >= 4, seconds)
    stop.set()
    poller.join(10.0)
    assert failures == []
    return health


def test_a_source_that_is_wrong_from_the_first_ends_all_of_them() -> None:
    stop = threading.Event()
    sources = [(Scripted(fine), Health("1").add_source("a")) for _ in range(2)]
    sources.append((Scripted(away, wrong), Health("1").add_source("b")))
    with pytest.raises(WrongSourceError, match="no such thing"):
        poll_all(sources, stop)


def test_a_source_that_was_right_before_is_read_again_when_it_answers_something_else() -> None:
    health = health_of(Scripted(fine, wrong, wrong, fine))
    assert (health.up, health.failures["status"]) == (True, 2)


def test_an_error_of_the_feed_itself_is_logged_and_the_next_reading_is_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health = health_of(Scripted(fine, broken, fine))
    assert (health.up, health.failures["unexpected"]) == (True, 1)
    assert "this reading failed" in caplog.text


def test_a_source_that_is_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    health = health_of(Scripted(fine, away))
    assert not health.up
    assert caplog.text.count("connection refused") == 1


def test_the_pauses_grow_to_their_bound_and_begin_anew() -> None:
    health = Health("1").add_source("s")
    stop = threading.Event()
    stop.set()
    poller = Poller(Scripted(fine, interval=2.0), health, stop, lambda _: None)
    poller.join(10.0)
    ceilings = []
    for _ in range(12):
        poller._note(ReadError(Failure.TIMEOUT, "late"))  # noqa: SLF001 - its pauses are the rule
        pauses = [poller._pause(0.0) for _ in range(50)]  # noqa: SLF001 - as above
        ceilings.append(max(pauses))
        assert min(pauses) >= 1.0
    assert ceilings[0] <= 2.0
    assert max(ceilings) <= MAX_PAUSE
    assert ceilings[-1] > MAX_PAUSE / 2
    poller._poll(time.monotonic())  # noqa: SLF001 - as above
    assert poller._pause(0.5) == 1.5  # noqa: SLF001 - as above
