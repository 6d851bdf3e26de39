"""This module writes one slice of an old database as OpenMetrics text."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeVar

from stats_history.converting.carry import Carry
from stats_history.converting.families import FAMILIES, Family
from stats_history.converting.quotes import Quotes, quote_points
from stats_history.converting.series import (
    Point,
    held,
    new_minutes,
    points,
    share_growth,
    window_growth,
)
from stats_history.converting.sessions import Session
from stats_history.converting.totals import (
    ACTIVE_SECONDS,
    SILENCE_SECONDS,
    TotalSeries,
    totals,
)
from stats_history.reading.old_database import OldDatabase
from stats_history.reading.old_schema import Generation, Kind, OldRow
from stats_history.writing.openmetrics import Exposition, label_value, labels_text
from stats_history.writing.slices import Slice

BATCH = 4096
"""How many samples of one series are held in memory at a time."""

T = TypeVar("T")
_BY_DOWNSTREAM = itemgetter(0)
_STATES = ("active", "idle")
_ALL = -1
"""Stands for a downstream_id: a proxy's quotes are counted for all of its miners together."""


@dataclass(slots=True)
class Findings:
    """How many rows of `hashrate_samples` were read, and how many of them were not as expected."""

    rows: int = 0
    same_second: int = 0
    without_hashrate: int = 0
    without_name: set[int] = field(default_factory=set)


class Conversion:
    """Turns the rows of one database into samples, slice by slice, in time order."""

    def __init__(
        self,
        database: OldDatabase,
        labels: dict[str, str],
        carry: Carry,
        done: Callable[[int], None],
    ) -> None:
        """`labels` go on every series, `carry` is moved on by each slice, `done` hears of rows."""
        self.findings = Findings()
        self._database = database
        self._labels = {name: label_value(value) for name, value in labels.items()}
        self._carry = carry
        self._done = done
        self._of_pool = database.schema.kind is Kind.POOL
        self._of_events = database.schema.generation is Generation.EVENTS
        self._families = FAMILIES[database.schema.kind]
        self._growth = window_growth if self._of_pool else share_growth
        self._names = database.connection_types() if self._of_pool else database.names()

    def write(self, piece: Slice, out: Exposition) -> None:
        """Write every sample of a slice."""
        since = piece.start - ACTIVE_SECONDS
        hashrates = self._database.hashrates_in_time_order(since, piece.end + 1)
        groups = sorted({*self._names.values(), "other"}) if self._of_pool else _STATES
        found = TotalSeries(totals(hashrates, piece.start, piece.end, self._group), groups)
        minutes: dict[int, Sequence[int]] = {}
        # A scrape at the beginning of the slice sees rows of the slice before it.
        begin = piece.start - SILENCE_SECONDS if self._of_events else piece.start
        rows = self._database.rows_by_downstream(begin, piece.end)
        for downstream_id, own in groupby(rows, _BY_DOWNSTREAM):
            told = array("q", self._write_downstream(downstream_id, own, piece, found.moments, out))
            if self._of_pool and self._of_events:
                minutes[downstream_id] = told
        self._write_totals(found, out)
        self._write_quotes(piece, minutes, array("q", new_minutes(found.moments)), out)
        self._write_balance(piece, out)

    def _write_downstream(
        self,
        downstream_id: int,
        rows: Iterator[OldRow],
        piece: Slice,
        moments: Sequence[int],
        out: Exposition,
    ) -> Iterator[int]:
        """Write the series of a downstream; yield the first moment of each minute with a sample."""
        labels = self._row_labels(downstream_id)
        session = self._carry.sessions.setdefault(downstream_id, Session())
        before = self.findings.rows
        found = self._known(points(self._counted(rows, piece), session, self._growth), piece)
        for batch in _batches(held(found, moments) if self._of_events else found):
            self._write_points(labels, batch, out)
            yield from (point.timestamp for point in batch if point.new_minute)
        self._done(self.findings.rows - before)

    def _write_points(self, labels: str, batch: list[Point], out: Exposition) -> None:
        families = self._families
        out.write(families.hashrate, labels, [(point.timestamp, point.hashrate) for point in batch])
        out.write(families.shares, labels, [(point.timestamp, point.shares) for point in batch])
        out.write(families.work, labels, [(point.timestamp, point.work) for point in batch])
        rare = [point for point in batch if point.new_minute]
        out.write(families.info, labels, [(point.timestamp, 1) for point in rare])
        out.write(
            families.connected, labels, [(point.timestamp, point.connected) for point in rare]
        )
        out.write(
            families.last_share, labels, [(point.timestamp, point.last_share) for point in rare]
        )

    def _counted(self, rows: Iterator[OldRow], piece: Slice) -> Iterator[OldRow]:
        for row in rows:
            if row.timestamp >= piece.start:
                self.findings.rows += 1
                self.findings.same_second += 1
            yield row

    def _known(self, found: Iterable[Point], piece: Slice) -> Iterator[Point]:
        for point in found:
            if point.timestamp >= piece.start:
                self.findings.same_second -= 1
                self.findings.without_hashrate += point.hashrate is None
            yield point

    def _group(self, downstream_id: int, is_active: bool) -> str:  # noqa: FBT001 - called by position
        if self._of_pool:
            return self._names.get(downstream_id, "other")
        return _STATES[not is_active]

    def _write_totals(self, found: TotalSeries, out: Exposition) -> None:
        families, labels = self._families, labels_text(self._labels)
        columns: list[tuple[Family, str, Iterable[float]]] = [
            (families.total, labels, found.hashrates),
            (families.rows, labels, found.rows),
        ]
        for group, counts in found.counts.items():
            if self._of_pool and not any(counts):
                continue  # the live service tells of no connections of type `other` either
            own = labels_text({**self._labels, families.group_label: group})
            columns.append((families.group, own, counts))
        for family, own, values in columns:
            for batch in _batches(zip(found.moments, values, strict=True)):
                out.write(family, own, batch)

    def _write_quotes(
        self,
        piece: Slice,
        minutes: dict[int, Sequence[int]],
        all_minutes: Sequence[int],
        out: Exposition,
    ) -> None:
        """A connection's counters are repeated while it has rows; a mint never has any."""
        rows = self._database.quotes(piece.start, piece.end, by_downstream=self._of_pool)
        quiet = self._carry.quotes.keys() - {_ALL}
        for key, own in groupby(rows, _BY_DOWNSTREAM) if self._of_pool else [(_ALL, rows)]:
            quiet -= {key}
            moments = minutes.get(key, ()) if key in self._carry.sessions else all_minutes
            self._write_quote_series(key, own, moments, out)
        for key in sorted(quiet):
            moments = minutes.get(key, ()) if key in self._carry.sessions else all_minutes
            self._write_quote_series(key, (), moments, out)

    def _write_quote_series(
        self,
        key: int,
        rows: Iterable[tuple[int, int, int]],
        moments: Sequence[int],
        out: Exposition,
    ) -> None:
        labels = labels_text(self._labels) if key == _ALL else self._row_labels(key)
        quotes = self._carry.quotes.setdefault(key, Quotes())
        for batch in _batches(quote_points(rows, quotes, moments)):
            out.write(self._families.quotes, labels, [(at, n) for at, n, _ in batch])
            out.write(self._families.quotes_amount, labels, [(at, ehash) for at, _, ehash in batch])

    def _write_balance(self, piece: Slice, out: Exposition) -> None:
        found = self._database.balance(piece.start, piece.end)
        if found is not None and self._families.balance is not None:
            out.write(self._families.balance, labels_text(self._labels), [found])

    def _row_labels(self, downstream_id: int) -> str:
        text = self._names.get(downstream_id)
        if text is None:
            self.findings.without_name.add(downstream_id)
        own = {"downstream_id": str(downstream_id)}
        if self._of_pool:
            own["connection_type"] = text or "other"
        else:
            # A translator calls a miner by this name until the miner says its own.
            own["name"] = label_value(text or f"Miner-{downstream_id}")
        return labels_text({**self._labels, **own})


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
