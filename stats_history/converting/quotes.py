"""This module makes counters of quotes from the table that holds one row for each quote."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

REPEAT_SECONDS = 60
"""How old the sample before a quote may be; increase() sees no quote without such a sample."""


@dataclass(slots=True)
class Quotes:
    """The number of quotes so far, the sum of their ehash, and when a sample last said so."""

    created: int = 0
    amount: int = 0
    told: int | None = None


class QuotePoint(NamedTuple):
    """The quotes that were created up to a second, and their sum in ehash."""

    timestamp: int
    created: int
    amount: int


def quote_points(
    rows: Iterable[tuple[int, int, int]], quotes: Quotes, moments: Iterable[int] = ()
) -> Iterator[QuotePoint]:
    """The counters at each second with a quote, and at each of `moments` after the first quote.

    `rows` are (downstream_id, timestamp, ehash) in time order; `quotes` is moved on. Before a quote
    that no sample came before lately, a sample says what the counters were. The table began with
    its database, so they were 0 before its first row.
    """
    held: QuotePoint | None = None
    changes = ((timestamp, amount) for _, timestamp, amount in rows)
    repeats = ((moment, None) for moment in moments)
    for timestamp, amount in merge(changes, repeats, key=itemgetter(0)):
        if held is not None and held.timestamp < timestamp:
            yield held
        if amount is not None:
            if quotes.told is None or quotes.told < timestamp - REPEAT_SECONDS:
                yield QuotePoint(timestamp - 1, quotes.created, quotes.amount)
            quotes.created += 1
            quotes.amount += amount
        elif not quotes.created:
            continue
        quotes.told = timestamp
        held = QuotePoint(timestamp, quotes.created, quotes.amount)
    if held is not None:
        yield held
