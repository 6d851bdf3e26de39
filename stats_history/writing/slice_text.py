"""One slice of an old database as OpenMetrics text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeVar

from stats_history.converting.carry import Carry
from stats_history.converting.families import FAMILIES
from stats_history.converting.quotes import Quotes, quote_points
from stats_history.converting.series import points, share_growth, window_growth
from stats_history.converting.sessions import Session
from stats_history.converting.totals import SILENCE_SECONDS, totals
from stats_history.reading.old_database import OldDatabase
from stats_history.reading.old_schema import Kind, OldRow
from stats_history.writing.openmetrics import Exposition, label_value, labels_text
from stats_history.writing.slices import Slice

BATCH = 4096
"""Samples of one series held at a time."""

T = TypeVar("T")
_BY_DOWNSTREAM = itemgetter(0)


@dataclass(slots=True)
class Findings:
    """What was met on the way: rows of `hashrate_samples`, and what was not as it should be."""

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
        self._families = FAMILIES[database.schema.kind]
        self._growth = window_growth if self._of_pool else share_growth
        self._names = database.connection_types() if self._of_pool else database.names()

    def write(self, piece: Slice, out: Exposition) -> None:
        """Write every sample of a slice."""
        rows = self._database.rows_by_downstream(piece.start, piece.end)
        for downstream_id, own in groupby(rows, _BY_DOWNSTREAM):
            self._write_downstream(downstream_id, own, out)
        self._write_totals(piece, out)
        self._write_quotes(piece, out)
        self._write_balance(piece, out)

    def _write_downstream(
        self, downstream_id: int, rows: Iterator[OldRow], out: Exposition
    ) -> None:
        labels = self._row_labels(downstream_id)
        session = self._carry.sessions.setdefault(downstream_id, Session())
        before = self.findings.rows
        written = 0
        for batch in _batches(points(self._counted(rows), session, self._growth)):
            rates = [(at, rate) for at, rate, _, _ in batch]
            out.write(self._families.hashrate, labels, rates)
            out.write(self._families.shares, labels, [(at, n) for at, _, n, _ in batch])
            out.write(self._families.work, labels, [(at, work) for at, _, _, work in batch])
            written += len(batch)
            self.findings.without_hashrate += sum(rate is None for _, rate in rates)
            self._done(len(batch))
        self.findings.same_second += self.findings.rows - before - written

    def _counted(self, rows: Iterator[OldRow]) -> Iterator[OldRow]:
        for row in rows:
            self.findings.rows += 1
            yield row

    def _write_totals(self, piece: Slice, out: Exposition) -> None:
        since = piece.start - SILENCE_SECONDS
        hashrates = self._database.hashrates_in_time_order(since, piece.end + 1)
        labels = labels_text(self._labels)
        for batch in _batches(totals(hashrates, piece.start, piece.end)):
            out.write(self._families.total, labels, batch)

    def _write_quotes(self, piece: Slice, out: Exposition) -> None:
        rows = self._database.quotes(piece.start, piece.end, by_downstream=self._of_pool)
        if not self._of_pool:
            self._write_quote_series(0, labels_text(self._labels), rows, out)
            return
        for downstream_id, own in groupby(rows, _BY_DOWNSTREAM):
            self._write_quote_series(downstream_id, self._row_labels(downstream_id), own, out)

    def _write_quote_series(
        self, key: int, labels: str, rows: Iterator[tuple[int, int, int]], out: Exposition
    ) -> None:
        quotes = self._carry.quotes.setdefault(key, Quotes())
        for batch in _batches(quote_points(rows, quotes)):
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
            # What a translator calls a miner that has not said its name.
            own["name"] = label_value(text or f"Miner-{downstream_id}")
        return labels_text({**self._labels, **own})


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
