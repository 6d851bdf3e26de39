"""Simulated time: what is to happen when, in order."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

Action = Callable[[float], None]
"""Something that happens; it is told its own time, in unix seconds."""


class Agenda:
    """Events in order of time, those of one time in the order they were noted."""

    def __init__(self) -> None:
        self._events: list[tuple[float, int, Action]] = []
        self._order = count()

    def at(self, time: float, action: Action) -> None:
        """Note that `action` happens at `time`."""
        heapq.heappush(self._events, (time, next(self._order), action))

    def repeat(self, now: float, gap: Callable[[], float], action: Action) -> None:
        """Note that `action` happens again and again, each time `gap()` seconds later."""

        def happen(time: float) -> None:
            action(time)
            self.at(time + gap(), happen)

        self.at(now + gap(), happen)

    def run_until(self, now: float) -> None:
        """Let everything happen that is due by `now`."""
        while self._events and self._events[0][0] <= now:
            time, _, action = heapq.heappop(self._events)
            action(time)


def about(random: Random, seconds: float) -> Callable[[], float]:
    """Return the gaps of a Poisson process, `seconds` long on average, for `Agenda.repeat`."""
    return lambda: random.expovariate(1 / seconds)
