"""The hashrate of all downstreams together, over time."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from math import fsum
from operator import itemgetter

SILENCE_SECONDS = 20
"""How long a downstream counts without a new row: longer than the slowest sender's 15 s."""

STEP_SECONDS = 5
"""How often a total is taken while there are rows in every second."""

_TIMESTAMP = itemgetter(0)


def totals(
    hashrates: Iterable[tuple[int, int, float]], start: int, end: int
) -> Iterator[tuple[int, float]]:
    """The total in hashes per second at each second in [start, end) that ends a burst of rows.

    `hashrates` are (timestamp, downstream_id, hashes per second) in time order, from
    SILENCE_SECONDS before `start` to `end` itself. One snapshot's rows may carry two neighbouring
    seconds: the total is taken at the second one. It depends on nothing outside of that range, so
    that any cut of the whole into slices gives the same totals.
    """
    newest: dict[int, tuple[int, float]] = {}
    held: int | None = None
    for timestamp, rows in groupby(hashrates, _TIMESTAMP):
        if held is not None and _is_due(held, timestamp) and start <= held < end:
            yield held, _sum(newest, held)
        newest.update((key, (timestamp, hashrate)) for _, key, hashrate in rows)
        held = timestamp
    if held is not None and start <= held < end:
        yield held, _sum(newest, held)


def _is_due(timestamp: int, following: int) -> bool:
    return following > timestamp + 1 or timestamp % STEP_SECONDS == 0


def _sum(newest: dict[int, tuple[int, float]], now: int) -> float:
    """The sum of what is not silent; what is, is dropped."""
    silent = [key for key, (seen, _) in newest.items() if seen <= now - SILENCE_SECONDS]
    for key in silent:
        del newest[key]
    return fsum(hashrate for _, hashrate in newest.values())
