"""This module adds up what channels count, for each row and in total, so that no sum ever falls.

A channel's counter vanishes with the channel, and begins at 0 when its number is used again. The
ledger therefore adds what a channel counted *since the last reading*: to the row that the channel
belongs to, and to the totals.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from stats_feed.sri.api.answers import MAX_COUNT, Count, Counts, Key
from stats_gateway.sender import RejectReason, Totals

KEEP_SECONDS = 600.0
"""How long a channel or a row is remembered that is not listed any more. A list whose pages were
torn apart can miss a row once; its return must not count twice."""


@dataclass(slots=True, eq=False)
class Sum:
    """What one row has counted since it is known."""

    counts: dict[Key, float] = field(default_factory=dict)
    known: set[Key] = field(default_factory=set)
    """What every channel that the row has at the moment tells."""
    grew: bool = False
    """Whether the accepted shares grew with the last reading."""

    def add(self, grown: Counts) -> None:
        """Add what a channel counted."""
        for key, value in grown.items():
            self.counts[key] = self.counts.get(key, 0) + value
        self.grew = self.grew or grown.get(Count.ACCEPTED, 0) > 0

    def get(self, key: Key) -> float | None:
        """Return a count that is known at the moment."""
        return self.counts.get(key) if key in self.known else None


@dataclass(frozen=True, slots=True)
class Meter:
    """The counters of one channel in one reading, and the row that the channel belongs to."""

    key: Hashable
    counts: Counts
    owner: Sum | None
    is_row: bool = False
    """Whether the row itself has the counters, beside the channel's that say something else."""


class _Told:
    """Which counts all meters tell; those of rows and those of channels tell different ones."""

    def __init__(self) -> None:
        self._common: dict[bool, set[Key]] = {}

    def add(self, meter: Meter) -> None:
        keys = set(meter.counts)
        self._common[meter.is_row] = self._common.get(meter.is_row, keys) & keys

    def keys(self) -> set[Key]:
        return set().union(*self._common.values())


@dataclass(slots=True, eq=False)
class _Entry:
    counts: dict[Key, float]
    owner: Sum | None
    seen: float
    was_there: bool
    """Whether the channel is older than this feed, so that the totals do not hold its past."""


class Ledger:
    """The sums of one program's channels. Times are in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        # Nothing has been counted yet, so a counter is there before the first share of it.
        self._totals = Sum(dict.fromkeys((*Count, *RejectReason), 0), {*Count, *RejectReason})

    def forget(self) -> None:
        """Forget every channel, but not the totals: the program was restarted."""
        self._entries.clear()

    def update(self, meters: Iterable[Meter], now: float, *, was_there: bool) -> None:
        """Take in a reading. `was_there` says that new channels may be older than this feed."""
        told = _Told()
        owners: dict[int, tuple[Sum, _Told]] = {}
        for meter in meters:
            self._count(meter, now, was_there=was_there)
            told.add(meter)
            if meter.owner is not None:
                owners.setdefault(id(meter.owner), (meter.owner, _Told()))[1].add(meter)
        for owner, by_owner in owners.values():
            owner.known = by_owner.keys()
        if owners or told.keys():
            self._totals.known = told.keys()
        self._drop(now)

    def totals(self) -> Totals:
        """Return the totals that are known at the moment."""
        totals: Totals = {}
        if (accepted := whole(self._totals.get(Count.ACCEPTED))) is not None:
            totals["shares_submitted"] = accepted
        if (rejected := whole(self._totals.get(Count.REJECTED))) is not None:
            totals["shares_rejected"] = rejected
        if (work := self._totals.get(Count.WORK)) is not None:
            totals["work"] = work
        if by_reason := rejects_by(self._totals, with_zeros=True):
            totals["shares_rejected_by"] = by_reason
        return totals

    def _count(self, meter: Meter, now: float, *, was_there: bool) -> None:
        entry = self._entries.get(meter.key)
        if entry is not None and _fell(entry.counts, meter.counts):
            entry, was_there = None, False  # the number was given to another channel
        if entry is None:
            entry = self._entries[meter.key] = _Entry({}, None, now, was_there)
        grown = {
            key: max(value - entry.counts.get(key, 0), 0) for key, value in meter.counts.items()
        }
        past = {key for key in grown if entry.was_there and key not in entry.counts}
        self._totals.add({key: 0 if key in past else value for key, value in grown.items()})
        for key, value in meter.counts.items():
            entry.counts[key] = max(value, entry.counts.get(key, 0))
        if entry.owner is None and meter.owner is not None:
            # What a channel counted while it belonged to nobody is its first row's.
            meter.owner.add(entry.counts)
        elif (owner := meter.owner or entry.owner) is not None:
            # A row that a torn list has missed is still the channel's.
            owner.add(grown)
        entry.owner = meter.owner or entry.owner
        entry.seen = now

    def _drop(self, now: float) -> None:
        gone = [key for key, entry in self._entries.items() if now - entry.seen > KEEP_SECONDS]
        for key in gone:
            del self._entries[key]


def _fell(before: Counts, counts: Counts) -> bool:
    """Tell whether a counter fell, which says that the channel is another one.

    The accepted shares of a translator are made of two counters, sent less refused, and may fall
    by what the upstream has just refused.
    """
    return any(
        value < before.get(key, 0)
        for key, value in counts.items()
        if key is not Count.ACCEPTED or Count.SENT not in counts
    )


def whole(value: float | None) -> int | None:
    """Return a count as the wire takes it."""
    return None if value is None else min(int(value), MAX_COUNT)


def rejects_by(counts: Sum, *, with_zeros: bool = False) -> dict[str, int]:
    """Return the refused shares by reason, as the wire takes them."""
    found = {reason.value: counts.get(reason) for reason in RejectReason}
    return {
        name: min(int(value), MAX_COUNT)
        for name, value in found.items()
        if value is not None and (with_zeros or value > 0)
    }
