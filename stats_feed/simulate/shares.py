"""The shares of one downstream, as a Poisson process at a vardiff difficulty."""

import math
from random import Random
from typing import Protocol

from stats_feed.simulate.agenda import Agenda
from stats_gateway.sender import HASHES_PER_DIFFICULTY, RejectReason

# The share of shares that a healthy pool refuses, mostly because they came late.
REJECTED = 0.005

# What part of the refused shares is refused for which reason.
REASONS = {
    RejectReason.STALE: 0.8,
    RejectReason.DUPLICATE: 0.15,
    RejectReason.LOW_DIFFICULTY: 0.05,
}

# Seconds until a stream without hashrate looks whether it has one again.
_PAUSE = 5.0


class ShareCounter(Protocol):
    """What a stream needs of a tracker."""

    def share_accepted(self, downstream_id: int, difficulty: float, now: float) -> None:
        """Count an accepted share."""

    def share_rejected(self, downstream_id: int, reason: RejectReason) -> None:
        """Count a refused share."""


def difficulty_for(hashrate: float, shares_per_minute: float) -> float:
    """Return the power of two that lets `hashrate` (H/s) find nearly `shares_per_minute`."""
    ideal = hashrate * 60.0 / (HASHES_PER_DIFFICULTY * shares_per_minute)
    return 2.0 ** round(math.log2(ideal))


class ShareStream:
    """Shares from `now` until `stop`. `hashrate` (H/s) may be set at any time, to 0 as well."""

    __slots__ = (
        "_agenda",
        "_difficulty",
        "_downstream_id",
        "_random",
        "_stopped",
        "_tracker",
        "hashrate",
    )

    def __init__(
        self,
        agenda: Agenda,
        random: Random,
        tracker: ShareCounter,
        downstream_id: int,
        *,
        hashrate: float,
        difficulty: float,
        now: float,
    ) -> None:
        self.hashrate = hashrate
        self._agenda = agenda
        self._random = random
        self._tracker = tracker
        self._downstream_id = downstream_id
        self._difficulty = difficulty
        self._stopped = False
        self._plan(now)

    def stop(self) -> None:
        """Find no more shares."""
        self._stopped = True

    def _plan(self, now: float) -> None:
        if self._stopped:
            return
        rate = self.hashrate / (self._difficulty * HASHES_PER_DIFFICULTY)
        if rate > 0:
            self._agenda.at(now + self._random.expovariate(rate), self._find)
        else:
            self._agenda.at(now + _PAUSE, self._plan)

    def _find(self, now: float) -> None:
        if self._stopped:
            return
        if self._random.random() < REJECTED:
            (reason,) = self._random.choices(list(REASONS), list(REASONS.values()))
            self._tracker.share_rejected(self._downstream_id, reason)
        else:
            self._tracker.share_accepted(self._downstream_id, self._difficulty, now)
        self._plan(now)
