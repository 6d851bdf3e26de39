"""Counters of quotes, from the table that holds one row for each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class Quotes:
    """Quotes so far, and their ehash."""

    created: int = 0
    amount: int = 0


class QuotePoint(NamedTuple):
    """Quotes created, and their sum in ehash, up to a second."""

    timestamp: int
    created: int
    amount: int


def quote_points(rows: Iterable[tuple[int, int, int]], quotes: Quotes) -> Iterator[QuotePoint]:
    """The counters at each second with a quote; `quotes` is moved on.

    `rows` are (downstream_id, timestamp, ehash) in time order. The table began with its database,
    so the counters were 0 before its first row: a sample says so, or increase() would miss it.
    """
    held: QuotePoint | None = None
    for _, timestamp, amount in rows:
        if not quotes.created:
            yield QuotePoint(timestamp - 1, 0, 0)
        if held is not None and held.timestamp != timestamp:
            yield held
        quotes.created += 1
        quotes.amount += amount
        held = QuotePoint(timestamp, quotes.created, quotes.amount)
    if held is not None:
        yield held
