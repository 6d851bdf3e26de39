"""Opening old databases that other processes use, or left in the middle of a write."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stats_history.errors import HistoryError
from stats_history.reading import old_database
from stats_history.reading.old_database import OldDatabase
from tests.stats_history.old_databases import START, event_database, snapshot_database, steady_rows

DIE_IN_A_WRITE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE hashrate_samples SET sum_difficulty = 666.0")
os._exit(0)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return snapshot_database(tmp_path / "stats.db", steady_rows(2000))


def test_a_locked_database_is_not_read_without_the_lock(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_database, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(database, isolation_level=None)) as service:
        service.execute("PRAGMA cache_size = 1")
        service.execute("BEGIN EXCLUSIVE")
        service.execute("UPDATE hashrate_samples SET sum_difficulty = 666.0")
        with pytest.raises(HistoryError, match="another process has locked"):
            OldDatabase(database)
        service.execute("ROLLBACK")
    with OldDatabase(database) as sound:
        assert sound.count_rows(START, START + 15 * 2000) == 2000


def test_a_database_left_in_the_middle_of_a_write_is_not_read_as_it_is(database: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE_IN_A_WRITE, str(database)], check=True)
    assert database.with_name("stats.db-journal").exists()
    with pytest.raises(HistoryError, match=r"stats\.db-journal.*open it once: sqlite3"):
        OldDatabase(database)
    with closing(sqlite3.connect(database)) as owner:
        owner.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with OldDatabase(database) as mended:
        rows = mended.rows_by_downstream(START, START + 15 * 2000)
        assert {row.difficulty for row in rows} == {20000.0}


def test_a_damaged_database_is_named_with_a_way_out(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(100)
        file.write(bytes(range(256)) * 8)
    with pytest.raises(HistoryError, match=r"stats\.db is damaged.*\.recover"):
        OldDatabase(database)


def test_a_database_that_is_refused_is_closed(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", names={})
    with pytest.raises(HistoryError, match="say --kind") as refused:
        OldDatabase(database)
    assert refused.value.__traceback__ is not None
    descriptors = Path("/proc/self/fd").iterdir()
    assert database not in [path.readlink() for path in descriptors if path.is_symlink()]


def test_a_connection_that_left_was_a_translator_if_it_had_a_hashrate(tmp_path: Path) -> None:
    rows = [(START, number, rate) for number, rate in ((1, 5.0), (2, 5.0), (3, 0.0), (4, 9.0))]
    types: dict[int, str | None] = {1: "translator", 4: "jd"}
    database = event_database(tmp_path / "metrics.db", rows, service_types=types)
    with OldDatabase(database) as found:
        assert found.connection_types() == {
            1: "Translator",
            2: "Translator",
            4: "Job Declarator",
        }


def test_names_are_found_in_the_tables_of_both_generations(tmp_path: Path) -> None:
    database = event_database(tmp_path / "stats.db", [(START, 1, 1.0)], names={1: "old"})
    with closing(sqlite3.connect(database)) as later, later:
        later.execute("CREATE TABLE downstreams (downstream_id INTEGER, name TEXT, address TEXT)")
        later.executemany("INSERT INTO downstreams VALUES (?, ?, '')", [(1, "new"), (2, "other")])
    with OldDatabase(database) as found:
        assert found.names() == {1: "old", 2: "other"}
