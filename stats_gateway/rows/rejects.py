"""Rejected shares by reason: of each row as columns, one for each reason that was sent.

A sender may name reasons of its own, which all count as `other`, so that what a sender writes never
becomes a label.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from stats_gateway.rows.builders import U64, NumberBuilder
from stats_gateway.rows.unknown import Unknown
from stats_gateway.wire.messages import RejectedBy


class RejectReason(StrEnum):
    """Why a share was rejected: the values of the `reason` label."""

    STALE = "stale"
    DUPLICATE = "duplicate"
    LOW_DIFFICULTY = "low_difficulty"
    UNAUTHORIZED = "unauthorized"
    OTHER = "other"


_KNOWN = frozenset(RejectReason)
_NOTHING: RejectedBy = {}

RejectColumns = Mapping[RejectReason, Sequence[int | None]]
"""A column for each reason of which any row has a count."""


def by_known_reason(counts: RejectedBy) -> RejectedBy:
    """`counts` with the reasons that are not known added up as `other`."""
    if counts.keys() <= _KNOWN:
        return counts
    folded = {reason: count for reason, count in counts.items() if reason in _KNOWN}
    unknown = sum(count for reason, count in counts.items() if reason not in _KNOWN)
    folded[RejectReason.OTHER] = folded.get(RejectReason.OTHER, 0) + unknown
    return folded


def known_sum(counts: RejectedBy | None, total: int | None) -> int | None:
    """`total` where it was sent, else what `counts` add up to."""
    return sum(counts.values()) if total is None and counts is not None else total


class RejectsBuilder:
    """Builds the columns, one batch of rows after the other."""

    def __init__(self) -> None:
        self._builders = {reason: NumberBuilder[int](U64) for reason in RejectReason}

    def add(self, rows: Sequence[RejectedBy | None]) -> None:
        """Add a batch. Raises `MessageRefused` where a count is too large."""
        if rows.count(None) == len(rows):
            for builder in self._builders.values():
                builder.add_unknown(len(rows))
            return
        counts = [_NOTHING if row is None else row for row in rows]
        if not _KNOWN.issuperset(_keys(counts)):
            counts = list(map(by_known_reason, counts))
        for reason, builder in self._builders.items():
            key = reason.value
            builder.add([row.get(key) for row in counts])

    @property
    def column(self) -> RejectColumns:
        """The columns of the reasons that were sent."""
        columns = {reason: builder.column for reason, builder in self._builders.items()}
        return {
            reason: column
            for reason, column in columns.items()
            if len(column) and not isinstance(column, Unknown)
        }


def _keys(counts: Iterable[RejectedBy]) -> set[str]:
    return set().union(*counts)
