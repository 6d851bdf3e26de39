"""This module sums up all downstreams at a moment: their hashrate, and their number by group."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from math import fsum
from operator import itemgetter
from typing import NamedTuple

SILENCE_SECONDS = 20
"""How long a downstream counts without a new row; the slowest sender sent one every 15 s."""

STEP_SECONDS = 5
"""How often a total is taken while there are rows in every second."""

ACTIVE_SECONDS = 600
"""How long a downstream is active after its last hashrate above 0, as in the live services."""

_TIMESTAMP = itemgetter(0)


class Total(NamedTuple):
    """The hashrate of all downstreams in hashes per second, and their number by group."""

    timestamp: int
    hashrate: float
    counts: Counter[str]


class _Newest(NamedTuple):
    """The newest row of one downstream; `active_until` is when it becomes idle."""

    timestamp: int
    hashrate: float
    active_until: int


class TotalSeries:
    """Many totals in little memory: a value for each moment, of each family that is made of them.

    A file for all time is one slice, so there may be millions.
    """

    def __init__(self, found: Iterable[Total], groups: Iterable[str]) -> None:
        """The totals are counted for each of `groups`."""
        self.moments = array("q")
        self.hashrates = array("d")
        self.rows = array("q")
        self.counts = {group: array("q") for group in groups}
        for timestamp, hashrate, counts in found:
            self.moments.append(timestamp)
            self.hashrates.append(hashrate)
            self.rows.append(counts.total())
            for group, column in self.counts.items():
                column.append(counts[group])


def totals(
    hashrates: Iterable[tuple[int, int, float]],
    start: int,
    end: int,
    group: Callable[[int, bool], str],
) -> Iterator[Total]:
    """The total at each second in [start, end) that ends a burst of rows.

    `hashrates` are (timestamp, downstream_id, hashes per second) in time order, from
    ACTIVE_SECONDS before `start` to `end` itself. `group` names the group of a downstream_id that
    is or is not active. One snapshot's rows may carry two neighbouring seconds: the total is taken
    at the second one. It depends on nothing outside of that range, so that any cut of the whole
    into slices gives the same totals.
    """
    newest: dict[int, _Newest] = {}
    held: int | None = None
    for timestamp, rows in groupby(hashrates, _TIMESTAMP):
        if held is not None and _is_due(held, timestamp) and start <= held < end:
            yield _total(newest, held, group)
        for _, key, hashrate in rows:
            newest[key] = _next(newest.get(key), timestamp, hashrate)
        held = timestamp
    if held is not None and start <= held < end:
        yield _total(newest, held, group)


def _is_due(timestamp: int, following: int) -> bool:
    return following > timestamp + 1 or timestamp % STEP_SECONDS == 0


def _next(before: _Newest | None, timestamp: int, hashrate: float) -> _Newest:
    if hashrate > 0:
        return _Newest(timestamp, hashrate, timestamp + ACTIVE_SECONDS)
    if before is None or before.timestamp <= timestamp - SILENCE_SECONDS:
        return _Newest(timestamp, hashrate, timestamp)
    return _Newest(timestamp, hashrate, before.active_until)


def _total(newest: dict[int, _Newest], now: int, group: Callable[[int, bool], str]) -> Total:
    """The total of the downstreams that are not silent; the others are dropped."""
    silent = [key for key, row in newest.items() if row.timestamp <= now - SILENCE_SECONDS]
    for key in silent:
        del newest[key]
    counts = Counter(group(key, row.active_until > now) for key, row in newest.items())
    return Total(now, fsum(row.hashrate for row in newest.values()), counts)
