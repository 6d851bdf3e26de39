"""Hashrate from the shares of a sliding window."""

from array import array

# A hash meets the difficulty 1 target once in 2**32 on average, and the target of difficulty d
# once in d * 2**32: https://en.bitcoin.it/wiki/Difficulty. (2**48 / 0xFFFF to the letter, which
# is 0.0015 % more; pools and miners count in 2**32.)
HASHES_PER_DIFFICULTY = 2.0**32

# At 6 shares a minute 5 minutes hold 30 shares: a standard error of 18 %.
WINDOW = 300.0

# The window slides by a bucket, one interval of the snapshots.
BUCKETS = 30

# A share in the first second after a connect says nothing yet. Until this many seconds have
# passed the sum is divided by them all the same: the estimate rises to the truth from below
# and never leaps above it.
MIN_SPAN = 10.0


class HashrateWindow:
    """The difficulties of one downstream's accepted shares, summed in a ring of buckets.

    Memory is constant, whatever the share rate. Not thread-safe: its owner holds a lock.
    """

    __slots__ = ("_buckets", "_newest", "_since", "_width")

    def __init__(self, connected_at: float, window: float = WINDOW) -> None:
        self._width = window / BUCKETS
        self._restart(connected_at)

    def _restart(self, now: float) -> None:
        self._buckets = array("d", bytes(8 * BUCKETS))
        self._newest = int(now // self._width)
        self._since = now

    def add(self, difficulty: float, now: float) -> None:
        """Count a share accepted at `now`, in unix seconds."""
        self._advance(now)
        self._buckets[self._newest % BUCKETS] += difficulty

    def hashrate(self, now: float) -> float:
        """Return hashes per second: sum of difficulties * 2**32 / seconds observed.

        The seconds observed reach back to the start of the oldest bucket, or to the connect when
        that is later. Shares that stop let it fall to exactly 0.0 within the window.
        """
        self._advance(now)
        oldest = (self._newest - BUCKETS + 1) * self._width
        observed = now - max(oldest, self._since)
        return sum(self._buckets) * HASHES_PER_DIFFICULTY / max(observed, MIN_SPAN)

    def _advance(self, now: float) -> None:
        number = int(now // self._width)
        if number < self._newest - 1:
            # The wall clock was set back: the buckets' times mean nothing any more.
            self._restart(now)
            return
        first_empty = max(self._newest + 1, number - BUCKETS + 1)
        for empty in range(first_empty, number + 1):
            self._buckets[empty % BUCKETS] = 0.0
        self._newest = max(self._newest, number)
