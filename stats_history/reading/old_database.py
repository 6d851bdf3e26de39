"""This module reads an old database, while the service that writes it may still run."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from stats_history.errors import HistoryError
from stats_history.reading.old_schema import (
    COUNTS_SQL,
    FIRST_TIMESTAMP,
    HASHRATE_SQL,
    ID_SQL,
    Generation,
    Kind,
    OldRow,
    OldSchema,
    recognize,
)

MAX_ID = 2**32 - 1
BUSY_SECONDS = 30
"""How long to wait for the old service to end a write; the service writes few rows at a time."""

CACHE_KIB = 32 * 1024
"""SQLite's page cache. Sorting beyond it goes to temporary files, so that memory stays bounded."""

_SERVICE_TYPES = {"translator": "Translator", "mint": "Mint", "jd": "Job Declarator"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """The numbers of rows that cannot be imported, by the reason."""

    before_bitcoin: int
    in_the_future: int
    bad_id: int
    bad_quote: int = 0


class OldDatabase:
    """An old database, opened read-only.

    Each query is a read transaction of its own and covers a bounded range of time: the old service
    goes on writing, and its write-ahead log does not grow behind a long read.
    """

    def __init__(self, path: Path, kind: Kind | None = None) -> None:
        """Raise HistoryError when `path` cannot be read as a database of the old services."""
        self.path = path
        self._connection = _open_read_only(path)
        try:
            self.schema: OldSchema = recognize(self._connection, kind)
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        except (sqlite3.DatabaseError, HistoryError) as error:
            self._connection.close()
            if isinstance(error, HistoryError):
                raise
            raise HistoryError(unreadable(path, error)) from error
        self._hashrate = HASHRATE_SQL[self.schema.generation]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def first_and_last(self, now: int) -> tuple[int, int] | None:
        """The first and last plausible timestamp of all time series, or None without any."""
        found = [
            self._connection.execute(
                f"SELECT min(timestamp), max(timestamp) FROM {table} "  # noqa: S608 - our own names
                "WHERE timestamp BETWEEN ? AND ?",
                (FIRST_TIMESTAMP, now),
            ).fetchone()
            for table in self._time_series()
        ]
        balance = self.balance(FIRST_TIMESTAMP, now + 1)
        if balance is not None:
            found.append((balance[0], balance[0]))
        ranges = [(first, last) for first, last in found if first is not None]
        if not ranges:
            return None
        return min(first for first, _ in ranges), max(last for _, last in ranges)

    def rejected(self, now: int) -> Rejected:
        """Count the rows that no import will ever reach."""
        before, after, bad_id = self._connection.execute(
            "SELECT total(timestamp < ?), total(timestamp > ?), "  # noqa: S608 - our own text
            f"total(timestamp BETWEEN ? AND ? AND NOT {_valid_id()}) "
            "FROM hashrate_samples",
            (FIRST_TIMESTAMP, now, FIRST_TIMESTAMP, now),
        ).fetchone()
        return Rejected(int(before), int(after), int(bad_id), self._bad_quotes(now))

    def _bad_quotes(self, now: int) -> int:
        if "quote_history" not in self.schema.tables:
            return 0
        found: tuple[int] = self._connection.execute(
            "SELECT count(*) FROM quote_history WHERE timestamp BETWEEN ? AND ? "  # noqa: S608 - our own text
            f"AND NOT (amount >= 0 AND {_valid_id()})",
            (FIRST_TIMESTAMP, now),
        ).fetchone()
        return found[0]

    def rows_by_time(self, start: int, end: int, width: int) -> list[tuple[int, int]]:
        """How many rows each bucket of `width` seconds holds: (its start, rows)."""
        counts: dict[int, int] = {}
        for table in self._time_series():
            rows = self._connection.execute(
                f"SELECT timestamp / ? * ?, count(*) FROM {table} "  # noqa: S608 - our own names
                "WHERE timestamp >= ? AND timestamp < ? GROUP BY 1",
                (width, width, start, end),
            )
            for bucket, count in rows:
                counts[bucket] = counts.get(bucket, 0) + count
        balance = self.balance(start, end)
        if balance is not None:
            counts.setdefault(balance[0] // width * width, 1)
        return sorted(counts.items())

    def count_rows(self, start: int, end: int) -> int:
        """How many rows of all time series lie in [start, end)."""
        counts = [
            self._connection.execute(
                f"SELECT count(*) FROM {table} WHERE timestamp >= ? AND timestamp < ?",  # noqa: S608 - our own names
                (start, end),
            ).fetchone()
            for table in self._time_series()
        ]
        return sum(count for (count,) in counts)

    def rows_by_downstream(self, start: int, end: int) -> Iterator[OldRow]:
        """The rows in [start, end), by downstream_id, then in time order, then as written."""
        columns = f"{self._hashrate}, {COUNTS_SQL[self.schema.generation]}"
        rows = self._connection.execute(
            f"SELECT {ID_SQL} AS id, timestamp, {columns} "  # noqa: S608 - our own text
            f"FROM hashrate_samples WHERE timestamp >= ? AND timestamp < ? AND {_valid_id()} "
            "ORDER BY id, timestamp, rowid",
            (start, end),
        )
        return map(OldRow._make, rows)

    def hashrates_in_time_order(self, start: int, end: int) -> Iterator[tuple[int, int, float]]:
        """(timestamp, downstream_id, hashrate) in [start, end) in time order, then as written."""
        return self._connection.execute(
            f"SELECT timestamp, {ID_SQL}, {self._hashrate} AS hashrate "  # noqa: S608 - our own text
            f"FROM hashrate_samples WHERE timestamp >= ? AND timestamp < ? AND {_valid_id()} "
            "AND hashrate IS NOT NULL ORDER BY timestamp, rowid",
            (start, end),
        )

    def quotes(
        self, start: int, end: int, *, by_downstream: bool
    ) -> Iterator[tuple[int, int, int]]:
        """The quotes in [start, end): (downstream_id, timestamp, ehash).

        In time order, `by_downstream` within each downstream_id.
        """
        if "quote_history" not in self.schema.tables:
            return iter(())
        order = "id, timestamp" if by_downstream else "timestamp"
        return self._connection.execute(
            f"SELECT {ID_SQL} AS id, timestamp, amount FROM quote_history "  # noqa: S608 - our text
            f"WHERE timestamp >= ? AND timestamp < ? AND amount >= 0 AND {_valid_id()} "
            f"ORDER BY {order}",
            (start, end),
        )

    def balance(self, start: int, end: int) -> tuple[int, int] | None:
        """(when it was last set, ehash) if that lies in [start, end); nothing older was kept."""
        if "balance" not in self.schema.tables or self.schema.kind is Kind.POOL:
            return None
        found: tuple[int, int] | None = self._connection.execute(
            "SELECT last_updated, amount FROM balance "
            "WHERE last_updated >= ? AND last_updated < ? AND amount >= 0",
            (start, end),
        ).fetchone()
        return found

    def names(self) -> dict[int, str]:
        """The newest name of each downstream_id that has one; earlier ones were overwritten."""
        older, newer = self._texts("current_stats", "name"), self._texts("downstreams", "name")
        # A database of events that a later service opened has both tables.
        return newer | older if self.schema.generation is Generation.EVENTS else newer

    def connection_types(self) -> dict[int, str]:
        """The types of a pool's connections, in the words of the live services.

        A connection with a hashrate is a translator, unless its type was stored: in the event era
        that of the connections that were there at the end, in the snapshot era none. Job declarator
        clients among them cannot be told.
        """
        hashing = self._connection.execute(
            f"SELECT DISTINCT {ID_SQL} FROM hashrate_samples "  # noqa: S608 - our own text
            f"WHERE {_valid_id()} AND {self._hashrate} > 0"
        )
        known = dict.fromkeys((key for (key,) in hashing), "Translator")
        if self.schema.generation is Generation.SNAPSHOTS:
            return known | dict.fromkeys(self._texts("downstreams", "name"), "Translator")
        types = self._texts("current_stats", "service_type")
        return known | {key: _SERVICE_TYPES.get(value, "other") for key, value in types.items()}

    def _texts(self, table: str, column: str) -> dict[int, str]:
        if table not in self.schema.tables:
            return {}
        columns = self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        if (column,) not in columns.fetchall():
            return {}
        rows = self._connection.execute(
            f"SELECT {ID_SQL}, {column} FROM {table} WHERE {column} != ''"  # noqa: S608 - our names
        )
        return {downstream_id: str(text) for downstream_id, text in rows}

    def _time_series(self) -> list[str]:
        return [
            name for name in ("hashrate_samples", "quote_history") if name in self.schema.tables
        ]


def _valid_id() -> str:
    return f"(typeof(downstream_id) = 'integer' AND {ID_SQL} BETWEEN 0 AND {MAX_ID})"


def _open_read_only(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise HistoryError(f"there is no database {path}")
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    try:
        connection = _connect(address)
    except sqlite3.DatabaseError as error:
        if not _may_be_a_log_that_cannot_be_made(error):
            raise HistoryError(unreadable(path, error)) from error
        for suffix in ("-wal", "-journal"):
            if path.with_name(path.name + suffix).exists():
                raise HistoryError(
                    f"cannot read {path} beside {path.name}{suffix}, which holds a part of it: "
                    f"run as its owner, or have the owner open it once: sqlite3 {path} .schema"
                ) from error
        # Without a log and without a journal nobody writes the file, and it holds everything.
        try:
            connection = _connect(address + "&immutable=1")
        except sqlite3.DatabaseError as second:
            raise HistoryError(unreadable(path, second)) from second
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    return connection


def unreadable(path: Path, error: sqlite3.DatabaseError) -> str:
    """The message for an error that SQLite raised while it read `path`."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            f"another process has locked {path} for more than {BUSY_SECONDS} s "
            "(a VACUUM, or the removal of many rows): run the same command again when it is done"
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return (
            f"{path} is damaged ({error}): make a sound copy with 'sqlite3 {path} .recover | "
            "sqlite3 recovered.db', and import that one"
        )
    return f"cannot read {path}: {error}"


def _may_be_a_log_that_cannot_be_made(error: sqlite3.DatabaseError) -> bool:
    """Whether SQLite may have failed to make the log of a database in a read-only folder."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
    return code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
