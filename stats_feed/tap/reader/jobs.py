"""This module knows the difficulty that was in force when a job was announced.

A pool credits a share with the difficulty that its job was announced with, not with the one that
was set since: ckpool keeps the old one for jobs before `diff_change_job_id`, and public-pool sends
a job at once when it has set a difficulty.
"""

import sys

from stats_feed.tap.reader.messages import Key

FIRST_DIFFICULTY = 1.0
"""What a job asks for before any mining.set_difficulty, as slush's proposal says."""

MAX_JOBS = 256
"""Jobs of one connection between two clean ones. A job every 10 s is 60 for a block."""

KEEP_SECONDS = 120.0
"""How long the jobs before a clean one are kept at least: their late shares are on the way."""


class Jobs:
    """The jobs of one connection."""

    __slots__ = ("_cleaned_at", "_new", "_old", "difficulty")

    def __init__(self) -> None:
        self.difficulty = FIRST_DIFFICULTY
        """What the next job asks for."""
        self._new: dict[Key, float] = {}
        self._old: dict[Key, float] = {}
        """Those before the newest clean one, or since the one before it when that is too young."""
        self._cleaned_at = -KEEP_SECONDS

    def announce(self, job: Key, now: float, *, is_clean: bool) -> None:
        """Note a job of mining.notify."""
        if is_clean and abs(now - self._cleaned_at) >= KEEP_SECONDS:
            self._old, self._new, self._cleaned_at = self._new, {}, now
        self._new.pop(job, None)  # so that it is the newest again
        while len(self._new) >= MAX_JOBS:
            del self._new[next(iter(self._new))]
        # One job goes to thousands of miners: its id is kept once.
        self._new[sys.intern(job) if isinstance(job, str) else job] = self.difficulty

    def difficulty_of(self, job: Key) -> float:
        """Return what a job asks for; the newest difficulty where nobody knows the job."""
        found = self._new.get(job)
        return self._old.get(job, self.difficulty) if found is None else found
