"""Defines a metric family: its name, type, help and labels, and the origin of its values."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from stats_gateway.rows.rejects import RejectReason
from stats_gateway.rows.rows import Rows
from stats_gateway.rows.share_windows import HASHES_PER_DIFFICULTY
from stats_gateway.rows.unknown import Unknown
from stats_gateway.store.sources import Source

Number = int | float
Column = Sequence[Number | None]
ByReason = Mapping[RejectReason, Column]
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
    """The fields of every family; `labels` are in the order in which they are written."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


RowsT = TypeVar("RowsT", bound=Rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFamily(Family, Generic[RowsT]):
    """One sample for each row whose value is known, labelled with the row's identity.

    A family by reason has a column for each reason, and `reason` is one more label.
    """

    values: Callable[[RowsT], Column | ByReason]
    details: tuple[tuple[str, Callable[[RowsT], Texts]], ...] = ()
    """Labels beyond the identity, each left out of a sample where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFamily(Family):
    """A few samples for each source; the first label is always `source`.

    `samples` is given the source and how many of its rows the guard hides.
    """

    samples: Callable[[Source, int], Iterator[Sample]]
    is_list: bool = False
    """Whether a sender chooses how many samples there are, so that the guard bounds them, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[RowsT]):
    """The families of one service, in the order of its exposition."""

    source_families: tuple[SourceFamily, ...]
    row_families: tuple[RowFamily[RowsT], ...]
    row_labels: tuple[str, str, str]
    rows: Callable[[Source], RowsT | None]
    third_label: Callable[[RowsT], Sequence[str]]
    """The values of a row's last label; the first two are the source and the downstream_id."""


def ones(rows: Rows) -> Column:
    """The value of an info family."""
    return array("B", b"\1" * len(rows))


def source_family(
    name: str, kind: Kind, help_: str, value: Callable[[Source], Number | None]
) -> SourceFamily:
    """A family of one sample for each source whose value is known."""

    def samples(source: Source, _hidden: int) -> Iterator[Sample]:
        known = value(source)
        if known is not None:
            yield (), known

    return SourceFamily(name=name, kind=kind, help=help_, labels=("source",), samples=samples)


def work_hashes(rows: Rows) -> Column:
    """Work in hashes instead of difficulties."""
    work = rows.work
    if isinstance(work, Unknown):
        return work
    if isinstance(work, array):
        return array("d", [one * HASHES_PER_DIFFICULTY for one in work])
    return [None if one is None else one * HASHES_PER_DIFFICULTY for one in work]
