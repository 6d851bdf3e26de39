"""What a metric family is: name, type, help, labels, and where its values come from."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from stats_gateway.rows.rows import Rows
from stats_gateway.rows.share_windows import HASHES_PER_DIFFICULTY
from stats_gateway.store.sources import Source

Number = int | float
Column = Sequence[Number | None]
Texts = Sequence[str | None]
Sample = tuple[tuple[str, ...], Number]
"""The values of the labels after `source`, and the sample's value."""


class Kind(StrEnum):
    """The metric types in use, spelled as the exposition formats spell them."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What every family has; `labels` in the order they are written."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


RowsT = TypeVar("RowsT", bound=Rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFamily(Family, Generic[RowsT]):
    """One sample for each row whose value is known, labelled with the row's identity."""

    values: Callable[[RowsT], Column]
    details: tuple[tuple[str, Callable[[RowsT], Texts]], ...] = ()
    """Labels beyond the identity, each left out of a sample where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFamily(Family):
    """A few samples for each source; the first label is always `source`.

    `samples` is given the source and how many of its rows the guard hides.
    """

    samples: Callable[[Source, int], Iterator[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[RowsT]):
    """What one service's exposition is made of, in order."""

    source_families: tuple[SourceFamily, ...]
    row_families: tuple[RowFamily[RowsT], ...]
    row_labels: tuple[str, str, str]
    rows: Callable[[Source], RowsT | None]
    third_label: Callable[[RowsT], Sequence[str]]
    """The values of a row's last label; the first two are the source and the downstream_id."""


def ones(rows: Rows) -> Column:
    """The value of an info family."""
    return array("B", b"\1" * len(rows))


def work_hashes(rows: Rows) -> Column:
    """Work in hashes instead of difficulties."""
    if isinstance(rows.work, array):
        return array("d", [work * HASHES_PER_DIFFICULTY for work in rows.work])
    return [None if work is None else work * HASHES_PER_DIFFICULTY for work in rows.work]
