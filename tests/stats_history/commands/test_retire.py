"""The command `stats-history retire`."""

import io
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stats_history.__main__ import main
from tests.stats_history.old_databases import (
    START,
    add_snapshots,
    event_database,
    snapshot_database,
    steady_rows,
)

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT count(*) FROM hashrate_samples").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table's rows."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()
            for (name,) in names
        }


@pytest.fixture
def database(tmp_path: Path) -> Path:
    rows = [(START + 15 * at, 1, 1e12) for at in range(10)]
    return event_database(
        tmp_path / "stats.db", rows, names={1: "rig"}, quotes=[(START, 1, 5)], balance=(5, START)
    )


@pytest.fixture
def state(database: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The state file of a whole import."""
    out = database.with_suffix(".om")
    assert main(["import", str(database), "--out", str(out)]) == 0
    capsys.readouterr()
    return out.with_name(out.name + ".state.json")


def test_the_mirrored_present_goes_and_the_time_series_stay(database: Path, state: Path) -> None:
    before = tables(database)
    assert main(["retire", str(database), "--state", str(state), "--yes"]) == 0
    kept = ("hashrate_samples", "quote_history")
    assert tables(database) == {name: before[name] for name in kept}
    assert tables(database.with_name("stats.db.before-retire")) == before


def test_a_second_retire_finds_nothing_to_drop(
    database: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["retire", str(database), "--state", str(state), "--yes"]
    assert main(run) == 0
    assert main([*run, "--backup", str(tmp_path / "second")]) == 0
    assert "only time series are left" in capsys.readouterr().out
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("mode", ["SELECT 1", "PRAGMA journal_mode = WAL"])
def test_it_is_refused_while_another_process_has_the_database_open(
    database: Path, state: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    before = tables(database)
    command = [sys.executable, "-c", HOLD, str(database), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"open\n"
        assert main(["retire", str(database), "--state", str(state), "--yes"]) == 3
        service.communicate()
    assert "stop" in capsys.readouterr().err
    assert tables(database) == before
    assert not database.with_name("stats.db.before-retire").exists()


def test_it_is_refused_while_another_process_is_writing(
    database: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as service:
        service.execute("BEGIN IMMEDIATE")
        assert main(["retire", str(database), "--state", str(state), "--yes"]) == 3
    assert "database is locked" in capsys.readouterr().err


def test_it_is_refused_before_an_import(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retire", str(database), "--yes"]) == 3
    assert main(["retire", str(database), "--state", str(tmp_path / "none"), "--yes"]) == 3
    assert "import the database first" in capsys.readouterr().err
    assert "current_stats" in tables(database)


def test_it_is_refused_while_the_import_does_not_reach_the_last_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(10))
    out = tmp_path / "stats.om"
    assert main(["import", str(database), "--out", str(out)]) == 0
    add_snapshots(database, steady_rows(1, start=START + 900))
    run = ["retire", str(database), "--state", f"{out}.state.json", "--yes"]
    assert main(run) == 3
    assert "import the rest first" in capsys.readouterr().err


def test_it_is_refused_for_an_import_of_another_database(state: Path, tmp_path: Path) -> None:
    other = event_database(tmp_path / "other.db", [(START, 1, 1.0)])
    assert main(["retire", str(other), "--state", str(state), "--yes"]) == 3


def test_an_existing_backup_is_not_written_over(
    database: Path, state: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    backup.write_text("mine")
    run = ["retire", str(database), "--state", str(state), "--backup", str(backup), "--yes"]
    assert main(run) == 3
    assert backup.read_text() == "mine"
    assert "current_stats" in tables(database)


def test_without_a_yes_nothing_is_changed(
    database: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main(["retire", str(database), "--state", str(state)]) == 3
    assert "current_stats" in tables(database)


def test_the_backup_has_the_owner_and_mode_of_the_database(database: Path, state: Path) -> None:
    database.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(database, 1234, 1235)
    before = database.stat()
    assert main(["retire", str(database), "--state", str(state), "--yes"]) == 0
    backup = database.with_name("stats.db.before-retire").stat()
    assert (backup.st_mode, backup.st_uid, backup.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_a_backup_that_fails_leaves_no_file_under_its_name(database: Path, state: Path) -> None:
    before = tables(database)
    command = ["retire", str(database), "--state", str(state), "--yes"]
    ran = subprocess.run(
        [sys.executable, "-m", "stats_history", *command],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_file_beyond_8192_bytes,
    )
    assert ran.returncode == 1
    assert not list(database.parent.glob("*before-retire*"))
    assert tables(database) == before


def no_file_beyond_8192_bytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def test_a_torn_copy_of_a_killed_run_is_not_in_the_way(database: Path, state: Path) -> None:
    database.with_name("stats.db.before-retire.part").write_text("torn")
    assert main(["retire", str(database), "--state", str(state), "--yes"]) == 0
    assert "current_stats" in tables(database.with_name("stats.db.before-retire"))
    assert not database.with_name("stats.db.before-retire.part").exists()


def test_it_is_refused_when_a_row_was_written_after_its_time_was_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(10))
    out = tmp_path / "stats.om"
    assert main(["import", str(database), "--out", str(out)]) == 0
    add_snapshots(database, [(START + 20, 1, 5, 5.0, 5, 60)])
    assert main(["retire", str(database), "--state", f"{out}.state.json", "--yes"]) == 3
    assert "1 rows were written after" in capsys.readouterr().err
