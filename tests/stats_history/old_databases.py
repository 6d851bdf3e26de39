"""Databases as the old services made them, with their own schemas."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

START = 1_760_000_400
"""2025-10-09 09:00:00 UTC."""

SNAPSHOT_SCHEMA = """
CREATE TABLE downstreams (id INTEGER PRIMARY KEY, downstream_id INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL, address TEXT NOT NULL);
CREATE TABLE hashrate_samples (timestamp INTEGER NOT NULL, downstream_id INTEGER NOT NULL,
    shares_in_window INTEGER NOT NULL, sum_difficulty REAL NOT NULL,
    shares_lifetime INTEGER NOT NULL, window_seconds INTEGER NOT NULL,
    PRIMARY KEY (timestamp, downstream_id),
    FOREIGN KEY (downstream_id) REFERENCES downstreams(downstream_id));
CREATE INDEX idx_timestamp_downstream ON hashrate_samples(timestamp, downstream_id);
CREATE INDEX idx_downstream_timestamp ON hashrate_samples(downstream_id, timestamp);
"""

EVENT_SCHEMA = """
CREATE TABLE hashrate_samples (timestamp INTEGER NOT NULL, downstream_id INTEGER NOT NULL,
    shares_5min INTEGER NOT NULL, estimated_hashrate REAL NOT NULL);
CREATE INDEX idx_hashrate_time ON hashrate_samples(timestamp);
CREATE TABLE quote_history (timestamp INTEGER NOT NULL, downstream_id INTEGER NOT NULL,
    amount INTEGER NOT NULL);
CREATE INDEX idx_quote_time ON quote_history(timestamp);
CREATE TABLE balance (id INTEGER PRIMARY KEY CHECK (id = 1), amount INTEGER NOT NULL DEFAULT 0,
    last_updated INTEGER NOT NULL);
INSERT INTO balance VALUES (1, 0, 0);
"""

PROXY_STATS = """
CREATE TABLE current_stats (downstream_id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '',
    address TEXT, shares_submitted INTEGER NOT NULL, quotes_created INTEGER NOT NULL,
    ehash_mined INTEGER NOT NULL, channels TEXT NOT NULL, last_share_time INTEGER,
    connected_at INTEGER NOT NULL, is_work_selection_enabled INTEGER NOT NULL,
    current_hashrate REAL NOT NULL DEFAULT 0.0);
"""

POOL_STATS = """
CREATE TABLE current_stats (downstream_id INTEGER PRIMARY KEY, shares_submitted INTEGER NOT NULL,
    quotes_created INTEGER NOT NULL, ehash_mined INTEGER NOT NULL, channels TEXT NOT NULL,
    last_share_time INTEGER, connected_at INTEGER NOT NULL,
    is_work_selection_enabled INTEGER NOT NULL, address TEXT NOT NULL DEFAULT '-',
    service_type TEXT);
CREATE TABLE pool_info (id INTEGER PRIMARY KEY CHECK (id = 1), listen_address TEXT NOT NULL);
INSERT INTO pool_info VALUES (1, '0.0.0.0:34254');
"""

SnapshotRow = tuple[int, int, int, float, int, int]
"""timestamp, downstream_id, shares_in_window, sum_difficulty, shares_lifetime, window_seconds"""


def snapshot_database(
    path: Path, rows: Iterable[SnapshotRow] = (), names: dict[int, str] | None = None
) -> Path:
    """A database of the snapshot era; a proxy's, unless the names are a pool's."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SNAPSHOT_SCHEMA)
        connection.executemany(
            "INSERT INTO downstreams (downstream_id, name, address) VALUES (?, ?, 'REDACTED')",
            ({1: "rig"} if names is None else names).items(),
        )
    return add_snapshots(path, rows)


def add_snapshots(path: Path, rows: Iterable[SnapshotRow]) -> Path:
    """Add rows, as the old service does while it runs."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO hashrate_samples VALUES (?, ?, ?, ?, ?, ?)", rows)
    return path


def steady_rows(
    ticks: int, miners: int = 1, *, start: int = START, step: int = 15
) -> list[SnapshotRow]:
    """Every `step` s each miner has 5 new shares of difficulty 1000, and a full 60 s window."""
    window = 60 // step * 5
    return [
        (start + tick * step, miner, window, window * 1000.0, (tick + 1) * 5, 60)
        for tick in range(ticks)
        for miner in range(1, miners + 1)
    ]


def event_database(
    path: Path,
    rows: Iterable[tuple[int, int, float]] = (),
    *,
    names: dict[int, str] | None = None,
    service_types: dict[int, str | None] | None = None,
    quotes: Iterable[tuple[int, int, int]] = (),
    balance: tuple[int, int] | None = None,
) -> Path:
    """A database of the event era; a pool's with `service_types`.

    `rows` are (timestamp, downstream_id, hashrate), `quotes` (timestamp, downstream_id, ehash),
    `balance` (ehash, when).
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            EVENT_SCHEMA + (PROXY_STATS if service_types is None else POOL_STATS)
        )
        for key, name in (names or {}).items():
            connection.execute(
                "INSERT INTO current_stats VALUES (?, ?, NULL, 9, 0, 0, '[]', NULL, 0, 0, 0.0)",
                (key, name),
            )
        for key, service_type in (service_types or {}).items():
            connection.execute(
                "INSERT INTO current_stats VALUES (?, 9, 0, 0, '[]', NULL, 0, 0, '-', ?)",
                (key, service_type),
            )
        connection.executemany("INSERT INTO hashrate_samples VALUES (?, ?, 0, ?)", rows)
        connection.executemany("INSERT INTO quote_history VALUES (?, ?, ?)", quotes)
        if balance is not None:
            connection.execute("UPDATE balance SET amount = ?, last_updated = ?", balance)
    return path
