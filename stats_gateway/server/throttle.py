"""Keeps misbehaving peers from filling the log."""

from collections import OrderedDict
from collections.abc import Hashable

MAX_KEYS = 1024
"""Peers and reasons remembered; the one seen longest ago is forgotten first."""

MAX_YES = 120
"""Lines per period in all: peers with many addresses are as quiet as one with a few."""


class Throttle:
    """Says yes to each key once per `seconds`, and how often it said no in between."""

    def __init__(self, seconds: float, max_yes: int = MAX_YES) -> None:
        self._seconds = seconds
        self._max_yes = max_yes
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()
        self._period_began = float("-inf")
        self._yes = 0

    def ask(self, key: Hashable, now: float) -> int | None:
        """None for no; else the number of times `key` was held back since the last yes."""
        last, held_back = self._seen.pop(key, (float("-inf"), 0))
        if now - last < self._seconds or not self._has_room(now):
            self._remember(key, last, held_back + 1)
            return None
        self._yes += 1
        self._remember(key, now, 0)
        return held_back

    def _has_room(self, now: float) -> bool:
        if now - self._period_began >= self._seconds:
            self._period_began, self._yes = now, 0
        return self._yes < self._max_yes

    def _remember(self, key: Hashable, last: float, held_back: int) -> None:
        self._seen[key] = (last, held_back)
        if len(self._seen) > MAX_KEYS:
            self._seen.popitem(last=False)
