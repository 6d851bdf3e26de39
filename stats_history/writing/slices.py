"""This module cuts a range of time into slices that each become one block."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_ROWS = 500_000
"""Rows in a slice, if it can be cut so fine: about 600 MiB of text, and 150 MiB of promtool."""

WIDTHS = (18 * 3600, 2 * 3600, 600)
"""How many seconds a slice may span, the widest first.

Prometheus's own blocks grow from 2 h by factors of 3, and aligned 18 h blocks fit every retention
from 8 days on. Ten minutes is for databases with more than MAX_ROWS in 2 h.
"""


class Slice(NamedTuple):
    """The rows with start <= timestamp < end."""

    start: int
    end: int
    rows: int


def cut(
    buckets: Sequence[tuple[int, int]], start: int, end: int, max_rows: int = MAX_ROWS
) -> list[Slice]:
    """Slices over [start, end) that hold every bucket, aligned to the widest width that is enough.

    `buckets` are (start, rows) of WIDTHS[-1] seconds each, in time order. Time without any rows
    is in no slice.
    """
    return [
        Slice(max(first, start), min(first + width, end), rows)
        for first, width, rows in _aligned(buckets, 0, max_rows)
    ]


def _aligned(
    buckets: Sequence[tuple[int, int]], level: int, max_rows: int
) -> list[tuple[int, int, int]]:
    width = WIDTHS[level]
    groups: dict[int, list[tuple[int, int]]] = {}
    for bucket in buckets:
        groups.setdefault(bucket[0] // width * width, []).append(bucket)
    found: list[tuple[int, int, int]] = []
    for first, members in groups.items():
        rows = sum(count for _, count in members)
        if rows > max_rows and level + 1 < len(WIDTHS):
            found += _aligned(members, level + 1, max_rows)
        else:
            found.append((first, width, rows))
    return found
