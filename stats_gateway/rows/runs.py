"""Which rows of a snapshot stood in the one before: a handful of runs, where few come and go."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import compress, count
from operator import ne
from typing import NamedTuple

_STRETCH = 32
"""Ids compared at once: runs of about a hundred, of 1 % churn, take least time with so many."""


class Run(NamedTuple):
    """Ids that follow one another in both snapshots."""

    old: int
    """Where it begins in the snapshot before."""
    new: int
    """Where it begins in this one."""
    length: int


def runs(before: Sequence[int], after: Sequence[int], start: int = 0) -> Iterator[Run]:
    """The runs that `before`, from `start` on, and `after` have in common, in order.

    Both of one type and ascending. Of an `after` that is not, runs may be missing; none is wrong.
    """
    old, new = start, 0
    while old < len(before) and new < len(after):
        if before[old] < after[new]:
            old = bisect_left(before, after[new], old)
        elif before[old] > after[new]:
            new = max(new + 1, bisect_left(after, before[old], new))
        else:
            length = _common(before, old, after, new)
            yield Run(old, new, length)
            old += length
            new += length


def _common(before: Sequence[int], old: int, after: Sequence[int], new: int) -> int:
    """How many ids from `old` and from `new` on are the same: whole stretches, then one by one."""
    length = 0
    while True:
        ours = before[old + length : old + length + _STRETCH]
        theirs = after[new + length : new + length + _STRETCH]
        if not ours or ours != theirs:
            break
        length += len(ours)
    shorter = min(len(ours), len(theirs))
    return length + next(compress(count(), map(ne, ours, theirs)), shorter)
