"""Works out from the rows of a source, once for all who ask, its totals and its order in lists.

A read then costs what it returns: a list of one row sorts nothing, and totals add up one number for
each source, for as long as the sources stay as they are.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Generic, TypeVar
from weakref import ref

from stats_gateway.rows.rows import ConnectionType, Rows, total_of
from stats_gateway.store.sources import Source
from stats_gateway.wire.messages import Totals as SenderTotals

T = TypeVar("T")


class PerSource(Generic[T]):
    """Keeps the result of `work` for each source, until that source changes or is gone.

    May be asked from any thread; one of them works at a time.
    """

    def __init__(self, work: Callable[[Source], T]) -> None:
        self._work = work
        self._kept: dict[str, tuple[ref[Source], T]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, source: Source) -> T:
        """The result for `source`."""
        with self._lock:
            kept = self._kept.get(source.name)
            if kept is None or kept[0]() is not source:
                kept = (ref(source, partial(self._forget, source.name)), self._work(source))
                self._kept[source.name] = kept
            return kept[1]

    def _forget(self, name: str, gone: "ref[Source]") -> None:
        kept = self._kept.get(name)
        if kept is not None and kept[0] is gone:
            del self._kept[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What one source, or several, add up to; None where nothing is known.

    Shares and work are those of all sessions where the sender adds them up itself, else those of
    the rows.
    """

    rows: int | None = None
    active: int | None = None
    idle: int | None = None
    types: Counter[ConnectionType] = field(default_factory=Counter)
    hashing: int = 0
    """The number of rows whose hashrate is meant to add up."""
    hashrate: float | None = None
    shares_submitted: int | None = None
    shares_rejected: int | None = None
    shares_rejected_by: dict[str, int] | None = None
    work: float | None = None

    @property
    def counts(self) -> bool:
        """Whether shares may be known: the 0 of a source without rows makes no sum known."""
        return bool(self.rows or self.shares_submitted or self.shares_rejected or self.work)


def totals_of(source: Source) -> Totals:
    """Add up the rows of one source."""
    rows, miners, connections = source.rows, source.miners, source.connections
    if rows is None:
        return Totals()
    told = source.totals or SenderTotals()
    idle = 0 if miners is None else len(miners.idle)
    hashrates = rows.hashrate if connections is None else list(connections.hashing())
    return Totals(
        rows=len(rows),
        active=len(rows) - idle,
        idle=idle,
        types=Counter() if connections is None else Counter(connections.connection_type),
        hashing=len(hashrates),
        hashrate=total_of(hashrates),
        shares_submitted=_first(told.shares_submitted, lambda: _sum(rows.shares_submitted)),
        shares_rejected=_first(told.shares_rejected, lambda: _sum(rows.shares_rejected)),
        shares_rejected_by=_first(told.shares_rejected_by, lambda: _rejected_by(rows)),
        work=_first(told.work, lambda: total_of(rows.work)),
    )


def combined(totals: Iterable[Totals]) -> Totals:
    """Add up the totals of several sources."""
    known = [one for one in totals if one.rows is not None]
    if not known:
        return Totals()
    return Totals(
        rows=_sum([one.rows for one in known]),
        active=_sum([one.active for one in known]),
        idle=_sum([one.idle for one in known]),
        types=sum((one.types for one in known), start=Counter()),
        hashing=sum(one.hashing for one in known),
        hashrate=total_of(one.hashrate for one in known if one.hashing),
        shares_submitted=_sum([one.shares_submitted for one in known if one.counts]),
        shares_rejected=_sum([one.shares_rejected for one in known if one.counts]),
        shares_rejected_by=_sum_by_reason(one.shares_rejected_by for one in known),
        work=total_of(one.work for one in known if one.counts),
    )


def order_of(source: Source) -> Sequence[int]:
    """The indexes of the source's rows in the order of lists.

    Miners are sorted by name and connections by type; rows are sorted by `downstream_id` already.
    """
    keys: Sequence[str] = ()
    if source.miners is not None:
        keys = source.miners.name
    elif source.connections is not None:
        keys = source.connections.connection_type
    return array("I", sorted(range(len(keys)), key=keys.__getitem__))


def _first(told: T | None, otherwise: Callable[[], T | None]) -> T | None:
    return otherwise() if told is None else told


def _rejected_by(rows: Rows) -> dict[str, int] | None:
    columns = rows.shares_rejected_by.items()
    return {reason.value: _sum(column) or 0 for reason, column in columns} or None


def _sum_by_reason(counts: Iterable[dict[str, int] | None]) -> dict[str, int] | None:
    known = [one for one in counts if one is not None]
    summed = Counter[str]()
    for one in known:
        summed.update(one)
    return dict(summed) if known else None


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None
