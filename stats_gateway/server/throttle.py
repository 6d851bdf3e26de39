"""A throttle keeps peers that misbehave from filling the log."""

from collections import OrderedDict
from collections.abc import Hashable

MAX_KEYS = 1024
"""Keys that are remembered; the key that was seen longest ago is forgotten first."""

MAX_YES = 120
"""Lines of all keys in one period, so that peers with many addresses do not fill the log."""


class Throttle:
    """Allows each key once in `seconds`, and tells how often the key was held back in between."""

    def __init__(self, seconds: float, max_yes: int = MAX_YES) -> None:
        self._seconds = seconds
        self._max_yes = max_yes
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()
        self._period_began = float("-inf")
        self._yes = 0

    def ask(self, key: Hashable, now: float) -> int | None:
        """None where `key` is held back; else how often it was since it was last allowed."""
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
