"""This module knows the schemas of the old services, and recognizes which one a database has."""

import enum
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from stats_history.errors import HistoryError

FIRST_TIMESTAMP = 1_231_006_505
"""Bitcoin's first block, 2009-01-03. An earlier time is of a clock that was not set yet."""

ID_SQL = "CASE WHEN downstream_id < 0 THEN downstream_id + 4294967296 ELSE downstream_id END"
"""SQL for the unsigned downstream_id: ids of 2^31 and above were stored as negative numbers."""


class Kind(enum.StrEnum):
    """Which of the two old services wrote a database."""

    PROXY = "proxy"
    POOL = "pool"


class Generation(enum.StrEnum):
    """Which of the two schemas a database has."""

    EVENTS = "events"
    SNAPSHOTS = "snapshots"


class OldRow(NamedTuple):
    """One row of `hashrate_samples`, of either generation; an unknown value is None.

    `timestamp` in unix seconds, `hashrate` in hashes per second, `lifetime` the shares since the
    downstream connected, `shares` and `difficulty` (summed) those of the last `window` seconds.
    """

    downstream_id: int
    timestamp: int
    hashrate: float | None
    lifetime: int | None = None
    shares: int | None = None
    difficulty: float | None = None
    window: int | None = None


def _is_sound(column: str) -> str:
    """SQL that is true for a number that is not negative and can be multiplied without overflow."""
    return f"{column} BETWEEN 0 AND 1e290"


def _sound(column: str) -> str:
    return f"iif({_is_sound(column)}, {column}, NULL)"


HASHRATE_SQL = {
    Generation.SNAPSHOTS: (
        f"iif({_is_sound('sum_difficulty')} AND window_seconds > 0, "
        "sum_difficulty * 4294967296.0 / window_seconds, NULL)"
    ),
    Generation.EVENTS: _sound("estimated_hashrate"),
}
"""SQL for the hashrate of a row in hashes per second."""

COUNTS_SQL = {
    Generation.SNAPSHOTS: ", ".join(
        map(_sound, ("shares_lifetime", "shares_in_window", "sum_difficulty", "window_seconds"))
    ),
    # Nothing to import: shares_5min was always written as 0.
    Generation.EVENTS: "NULL, NULL, NULL, NULL",
}
"""SQL for the fields that follow the hashrate in an `OldRow`."""

CURRENT_STATE_TABLES = ("current_stats", "pool_info", "balance")
"""The tables that mirrored the present and hold nothing of the past."""

_TIME_SERIES = {
    Generation.SNAPSHOTS: {"timestamp", "downstream_id", "sum_difficulty", "shares_lifetime"},
    Generation.EVENTS: {"timestamp", "downstream_id", "estimated_hashrate"},
}


@dataclass(frozen=True, slots=True)
class OldSchema:
    """The generation and kind of a database, and the tables it has."""

    generation: Generation
    kind: Kind
    tables: frozenset[str]


def tables_of(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all tables in a database."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return frozenset(name for (name,) in names)


def recognize(connection: sqlite3.Connection, kind: Kind | None) -> OldSchema:
    """Tell generation and kind of a database; `kind` overrides what the database says of itself.

    Raises HistoryError when the old services did not write it, or when it does not tell its kind.
    """
    tables = tables_of(connection)
    columns = _columns(connection, "hashrate_samples")
    generation = next((name for name, needed in _TIME_SERIES.items() if needed <= columns), None)
    if generation is None:
        raise HistoryError(
            "this is no database of the old stats-proxy or stats-pool: "
            "it has no table hashrate_samples with their columns"
        )
    found = kind or _kind(connection, generation, tables)
    if found is None:
        raise HistoryError(
            "the database does not tell whether stats-proxy or stats-pool wrote it: "
            "say --kind proxy or --kind pool"
        )
    return OldSchema(generation, found, tables)


def _kind(
    connection: sqlite3.Connection, generation: Generation, tables: frozenset[str]
) -> Kind | None:
    if generation is Generation.EVENTS:
        return _kind_of_events(connection, tables)
    if "downstreams" not in tables:
        return None
    # Pools named each of their downstreams translator_ID; miners choose their names themselves.
    named = connection.execute(
        "SELECT count(*), total(name = 'translator_' || downstream_id) FROM downstreams"
    )
    rows, like_a_pool = named.fetchone()
    if not rows:
        return None
    return Kind.POOL if like_a_pool == rows else Kind.PROXY


def _kind_of_events(connection: sqlite3.Connection, tables: frozenset[str]) -> Kind | None:
    if "pool_info" in tables or "service_type" in _columns(connection, "current_stats"):
        return Kind.POOL
    if "current_stats" in tables:
        return Kind.PROXY
    return None


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    names = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return {name for (name,) in names}
