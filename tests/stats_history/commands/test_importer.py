"""The command `stats-history import`, to text: the numbers are worked out by hand."""

import resource
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stats_gateway import __version__
from stats_history.__main__ import main
from stats_history.commands.importer import STAGED_BYTES_PER_ROW, check_space
from stats_history.errors import HistoryError
from stats_history.writing.outputs import TextOutput
from stats_history.writing.slices import WIDTHS, Slice
from tests.stats_history.exposition import (
    Samples,
    in_time_order,
    label_values,
    samples_of,
    series,
)
from tests.stats_history.old_databases import (
    START,
    add_snapshots,
    event_database,
    snapshot_database,
    steady_rows,
)

HASHES = 2**32
MINER = "stratum_proxy_miner_hashrate_hashes_per_second"
SHARES = "stratum_proxy_miner_shares_submitted_total"
WORK = "stratum_proxy_miner_work_hashes_total"
TOTAL = "stratum_proxy_hashrate_hashes_per_second"


def imported(database: Path, *options: str) -> Samples:
    """The samples of a first import."""
    out = database.with_suffix(".om")
    assert main(["import", str(database), "--out", str(out), *options]) == 0
    return samples_of(out)


def test_a_proxys_snapshots_become_hashrate_shares_work_and_total(tmp_path: Path) -> None:
    rows = [
        (START, 1, 6, 600.0, 10, 60),
        (START, 2, 3, 30.0, 3, 60),
        (START + 15, 1, 8, 1600.0, 12, 60),
        (START + 15, 2, 0, 0.0, 3, 60),
    ]
    names = {1: "rig-a", 2: 'rig "b"'}
    found = imported(snapshot_database(tmp_path / "stats.db", rows, names))
    assert series(found, MINER, downstream_id="1", name="rig-a") == [
        (START, 10.0 * HASHES),
        (START + 15, 1600 / 60 * HASHES),
    ]
    assert series(found, SHARES, name="rig-a") == [(START, 10), (START + 15, 12)]
    assert series(found, WORK, name="rig-a") == [
        (START, 10 * 100.0 * HASHES),
        (START + 15, (10 * 100.0 + 2 * 200.0) * HASHES),
    ]
    assert series(found, WORK, name='rig "b"') == [
        (START, 30.0 * HASHES),
        (START + 15, 30 * HASHES),
    ]
    assert series(found, TOTAL) == [(START, 10.5 * HASHES), (START + 15, 1600 / 60 * HASHES)]


def test_series_carry_the_labels_that_join_them_to_the_live_ones(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(1))
    found = imported(database, "--source", "tproxy", "--job", "j", "--instance", "i:1")
    common = {("source", "tproxy"), ("job", "j"), ("instance", "i:1")}
    row = frozenset({*common, ("downstream_id", "1"), ("name", "rig")})
    whole = frozenset(common)
    states = {("stratum_proxy_miners", whole | {("state", name)}) for name in ("active", "idle")}
    rare = {
        ("stratum_proxy_miner_info", row),
        ("stratum_proxy_miner_last_share_timestamp_seconds", row),
    }
    assert set(found) == {
        *((TOTAL, whole), ("stats_gateway_downstreams", whole), *states),
        *((MINER, row), (SHARES, row), (WORK, row), *rare),
    }


def test_a_pools_snapshots_become_connections(tmp_path: Path) -> None:
    names = {7: "translator_7", 8: "translator_8"}
    rows = [(START, 7, 6, 600.0, 12, 60), (START, 8, 6, 600.0, 12, 60)]
    found = imported(snapshot_database(tmp_path / "metrics.db", rows, names))
    name = "stratum_pool_connection_hashrate_hashes_per_second"
    own = {"downstream_id": "7", "connection_type": "Translator", "job": "stats-pool"}
    assert series(found, name, **own) == [(START, 10.0 * HASHES)]
    assert series(found, "stratum_pool_hashrate_hashes_per_second") == [(START, 20.0 * HASHES)]


def test_a_proxys_events_become_hashrate_quotes_and_balance(tmp_path: Path) -> None:
    database = event_database(
        tmp_path / "stats.db",
        [(START, 1, 5e12), (START + 5, 2, 7e12)],
        names={1: "rig"},
        quotes=[(START + 1, 1, 30), (START + 3, 2, 4)],
        balance=(500, START + 4),
    )
    found = imported(database)
    assert series(found, MINER, name="rig") == [(START, 5e12), (START + 5, 5e12)]
    assert series(found, MINER, name="Miner-2") == [(START + 5, 7e12)]
    assert series(found, TOTAL) == [(START, 5e12), (START + 5, 12e12)]
    quotes = [(START, 0), (START + 1, 1), (START + 3, 2)]
    assert series(found, "stratum_proxy_quotes_created_total") == quotes
    assert series(found, "stratum_proxy_quotes_amount_ehash_total")[-1] == (START + 3, 34)
    assert series(found, "stratum_proxy_wallet_balance_ehash") == [(START + 4, 500)]
    assert SHARES not in {name for name, _ in found}


def test_a_pools_events_become_quotes_by_connection(tmp_path: Path) -> None:
    database = event_database(
        tmp_path / "metrics.db",
        service_types={1: "translator", 2: "mint", 3: "jd", 4: None},
        quotes=[(START, key, 10 * key) for key in (1, 2, 3, 4, 5)],
    )
    found = imported(database)
    name = "stratum_pool_connection_quotes_created_total"
    for key, expected in enumerate(("Translator", "Mint", "Job Declarator", "other", "other"), 1):
        own = {"downstream_id": str(key), "connection_type": expected}
        assert series(found, name, **own) == [(START - 1, 0), (START, 1)]
        mined = series(found, "stratum_pool_connection_ehash_mined_total", **own)
        assert mined == [(START - 1, 0), (START, 10 * key)]


def test_the_balance_a_database_was_born_with_is_none(tmp_path: Path) -> None:
    found = imported(event_database(tmp_path / "stats.db", [(START, 1, 1.0)]))
    assert "stratum_proxy_wallet_balance_ehash" not in {name for name, _ in found}


def test_an_id_used_again_is_split_where_its_share_count_runs_backwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(START, 1, 6, 60.0, 50, 60), (START + 15, 1, 2, 8.0, 2, 60)]
    found = imported(snapshot_database(tmp_path / "stats.db", rows))
    assert series(found, WORK) == [(START, 500.0 * HASHES), (START + 15, 8.0 * HASHES)]
    told = capsys.readouterr().out
    assert "downstreams      1, in 2 sessions" in told
    assert "shows its newest name" in told


def test_a_negative_id_is_the_unsigned_one_it_was(tmp_path: Path) -> None:
    names = {-1: "rig"}
    database = snapshot_database(tmp_path / "stats.db", [(START, -1, 1, 1.0, 1, 60)], names)
    assert series(imported(database), SHARES, downstream_id="4294967295", name="rig")


def test_of_several_rows_in_one_second_the_last_written_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(START, 1, 5.0), (START, 1, 6.0), (START + 15, 1, 7.0)]
    found = imported(event_database(tmp_path / "stats.db", rows))
    assert series(found, MINER) == [(START, 6.0), (START + 15, 7.0)]
    assert "1 rows replaced by a later row of the same second" in capsys.readouterr().out


def test_impossible_times_are_skipped_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(0, 1, 1.0), (900, 1, 1.0), (START, 1, 2.0), (99_999_999_999, 1, 3.0)]
    found = imported(event_database(tmp_path / "stats.db", rows))
    assert series(found, MINER) == [(START, 2.0)]
    told = capsys.readouterr().out
    assert "2 rows with a timestamp before 2009" in told
    assert "1 rows with a timestamp in the future" in told


@pytest.mark.parametrize("bad", [-1.0, float("inf"), float("-inf"), "text"])
def test_a_value_that_cannot_be_true_is_absent_and_the_rest_of_its_row_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: float
) -> None:
    rows = [(START, 1, 5, 50.0, 5, 60), (START + 15, 1, 10, bad, 10, 60)]
    found = imported(snapshot_database(tmp_path / "stats.db", rows))
    assert [at for at, _ in series(found, MINER)] == [START]
    assert [at for at, _ in series(found, TOTAL)] == [START]
    assert series(found, SHARES) == [(START, 5), (START + 15, 10)]
    assert series(found, WORK)[-1] == (START + 15, 100.0 * HASHES)
    assert "1 hashrates that were" in capsys.readouterr().out


def test_a_window_of_no_seconds_has_no_hashrate(tmp_path: Path) -> None:
    rows = [(START, 1, 5, 50.0, 5, 0), (START + 15, 1, 5, 60.0, 5, 60)]
    found = imported(snapshot_database(tmp_path / "stats.db", rows))
    assert series(found, MINER) == [(START + 15, 1.0 * HASHES)]


def test_rows_without_a_name_are_kept_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(1, miners=2), {1: "rig"})
    assert label_values(imported(database), MINER, "name") == {"rig", "Miner-2"}
    assert "1 downstreams are in no table of names" in capsys.readouterr().out


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    rows = [*steady_rows(2), *steady_rows(2, start=START + 86_400)]
    found = imported(snapshot_database(tmp_path / "stats.db", rows))
    for name in (MINER, TOTAL):
        at = [START, START + 15, START + 86_400, START + 86_415]
        assert [timestamp for timestamp, _ in series(found, name)] == at


@pytest.mark.slow
def test_slices_in_a_folder_hold_what_one_file_holds(tmp_path: Path) -> None:
    rows = steady_rows(1700, miners=2, step=60)
    database = snapshot_database(tmp_path / "stats.db", rows, {1: "a", 2: "b"})
    folder = tmp_path / "slices"
    folder.mkdir()
    assert main(["import", str(database), "--out", str(folder)]) == 0
    slices = in_time_order(folder.glob("*.om"))
    assert len(slices) == 3
    assert samples_of(*slices) == imported(database)


def test_a_downstream_of_the_event_era_is_in_every_total_that_counts_it_across_slices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boundary = START // WIDTHS[0] * WIDTHS[0]
    rows = [(boundary + at, 1 + at % 3, 1e12) for at in range(-300, 300, 5)]
    database = event_database(tmp_path / "stats.db", rows, names={1: "a", 2: "b", 3: "c"})
    folder = tmp_path / "slices"
    folder.mkdir()
    assert main(["import", str(database), "--out", str(folder)]) == 0
    slices = in_time_order(folder.glob("*.om"))
    assert len(slices) == 2
    found = samples_of(*slices)
    present = [at for name in "abc" for at, _ in series(found, MINER, name=name)]
    counts = series(found, "stats_gateway_downstreams")
    assert {at: count for at, count in counts if count} == Counter(present)
    assert f"rows read        {len(rows)}" in capsys.readouterr().out


def test_a_dry_run_counts_what_a_run_writes_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(10))
    assert main(["import", str(database), "--dry-run"]) == 0
    assert "samples written  76, in 1 slices" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["stats.db"]
    assert sum(map(len, imported(database).values())) == 76


def test_a_second_run_imports_only_what_came_since(tmp_path: Path) -> None:
    rows = steady_rows(20)
    folder = tmp_path / "out"
    folder.mkdir()
    database = snapshot_database(tmp_path / "stats.db", rows[:12])
    run = ["import", str(database), "--out", str(folder)]
    assert main(run) == 0
    first = set(folder.glob("*.om"))
    assert main(run) == 0
    assert set(folder.glob("*.om")) == first
    add_snapshots(database, rows[12:])
    assert main(run) == 0
    whole = snapshot_database(tmp_path / "whole.db", rows)
    assert samples_of(*in_time_order(folder.glob("*.om"))) == imported(whole)


@pytest.mark.parametrize("to", [f"{START + 60}", f"{START + 60}.25", "2025-10-09T09:01:00"])
def test_from_and_to_bound_what_is_imported(tmp_path: Path, to: str) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(10))
    found = imported(database, "--from", str(START + 15), "--to", to)
    assert [at for at, _ in series(found, MINER)] == [START + 15, START + 30, START + 45]


def test_rows_are_read_while_the_old_service_writes(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    with closing(sqlite3.connect(database, isolation_level=None)) as service:
        service.execute("PRAGMA journal_mode = WAL")
        service.execute("BEGIN IMMEDIATE")
        service.execute("INSERT INTO hashrate_samples VALUES (?, 1, 1, 1.0, 99, 60)", (START + 60,))
        found = imported(database)
        service.execute("COMMIT")
    assert len(series(found, MINER)) == 4


def test_further_labels_are_on_every_series(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(1))
    found = imported(database, "--label", "site=a", "--label", "rack=7")
    assert all({("site", "a"), ("rack", "7")} <= labels for _, labels in found)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--label=site", "not like site=a"),
        ("--label=name=x", "set by the import itself"),
        ("--source=", "no label"),
        ("--to=1760000400000", "give seconds, not ms"),
        ("--rules=recording.yml", "--rules needs --into"),
    ],
)
def test_an_option_that_would_break_the_graphs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, told: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["import", str(tmp_path / "stats.db"), "--dry-run", option])
    assert told in capsys.readouterr().err


def test_from_before_the_first_row_begins_at_the_first_row(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    assert len(series(imported(database, "--from", "0"), MINER)) == 4


def test_what_is_new_goes_to_another_file_with_the_state_that_the_refusal_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = steady_rows(6)
    database = snapshot_database(tmp_path / "stats.db", rows[:4])
    imported(database)
    add_snapshots(database, rows[4:])
    assert main(["import", str(database), "--out", str(tmp_path / "stats.om")]) == 3
    state = tmp_path / "stats.om.state.json"
    assert f"--state {state}" in capsys.readouterr().err
    more = tmp_path / "more.om"
    assert main(["import", str(database), "--out", str(more), "--state", str(state)]) == 0
    assert [at for at, _ in series(samples_of(more), MINER)] == [row[0] for row in rows[4:]]


def test_quotes_that_cannot_be_true_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = event_database(
        tmp_path / "stats.db", [(START, 1, 1.0)], quotes=[(START, 1, -5), (START + 1, 1, 5)]
    )
    found = imported(database)
    assert series(found, "stratum_proxy_quotes_created_total")[-1] == (START + 1, 1)
    assert "1 quotes with a negative amount" in capsys.readouterr().out


def test_a_run_that_fails_leaves_nothing_but_its_state(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(500))
    folder = tmp_path / "out"
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "stats_history", "import", str(database), "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_file_beyond_100_000_bytes,
    )
    assert ran.returncode == 1
    assert "File too large" in ran.stderr
    left = [path.name for path in folder.iterdir() if path.suffix not in (".json", ".lock")]
    assert left == []
    assert main(["import", str(database), "--out", str(folder)]) == 0
    assert samples_of(*folder.glob("*.om")) == imported(database)


def test_a_database_that_is_damaged_in_the_middle_leaves_nothing_but_the_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(5000))
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2)
        file.write(b"\xff" * 40_000)
    folder = tmp_path / "out"
    folder.mkdir()
    assert main(["import", str(database), "--out", str(folder)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert not list(folder.glob(".stats-history-*"))


def no_file_beyond_100_000_bytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_slice_that_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    rows = shutil.disk_usage(tmp_path).total // STAGED_BYTES_PER_ROW + 1
    with pytest.raises(HistoryError, match="make room"):
        check_space(TextOutput(tmp_path), Slice(0, 1, rows))


def test_another_set_of_labels_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    imported(database)
    run = ["import", str(database), "--out", str(tmp_path / "stats.om"), "--source", "other"]
    assert main(run) == 3
    assert "give the same --source" in capsys.readouterr().err


def test_an_existing_file_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["import", str(database), "--out", str(tmp_path / "mine.txt")]) == 3
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Path.exists, "there is no database"),
        (lambda path: path.write_text("no database " * 99), "file is not a database"),
        (Path.touch, "no database of the old"),
        (lambda path: snapshot_database(path, names={}), "say --kind"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], object],
    told: str,
) -> None:
    make(tmp_path / "stats.db")
    assert main(["import", str(tmp_path / "stats.db"), "--dry-run"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_database_without_samples_is_said_to_be_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", names={1: "rig"})
    assert main(["import", str(database), "--dry-run"]) == 0
    assert capsys.readouterr().out == "the database holds no samples\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"stats-history {__version__}\n"


def test_help_shows_examples_and_exit_codes() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "stats_history", "import", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "examples:" in ran.stdout
    assert "exit codes:" in ran.stdout
