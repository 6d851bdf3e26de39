"""An import killed at any moment, and run again, ends as if it had run once."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stats_history.writing.state import State, load, save
from tests.stats_history.old_databases import snapshot_database, steady_rows
from tests.stats_history.prometheus import dump, samples_in_blocks
from tests.support.programs import ROOT, program
from tests.support.until import until

DAYS = 8


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven slices or so."""
    rows = steady_rows(DAYS * 1440, miners=2, step=60)
    return snapshot_database(tmp_path_factory.mktemp("old") / "stats.db", rows)


@pytest.fixture(scope="module")
def text_at_once(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text files of an import that nobody killed."""
    folder = tmp_path_factory.mktemp("text")
    assert run(database, ["--out"], folder)
    return folder


@pytest.fixture(scope="module")
def blocks_at_once(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blocks of an import that nobody killed."""
    folder = tmp_path_factory.mktemp("blocks")
    assert run(database, ["--into"], folder)
    return folder


def started(database: Path, options: list[str], output: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(program("promtool")).parent), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, "-m", "stats_history", "import", str(database), *options, str(output)],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
    )


def run(database: Path, options: list[str], output: Path, kill_after: float | None = None) -> bool:
    """Whether the import came to its end before it was killed, seconds after it began to write."""
    before = states(output)
    with started(database, options, output) as process:
        if kill_after is not None:
            while process.poll() is None and states(output) == before:
                time.sleep(0.005)  # between two looks: a file's change is no event to wait for
        try:
            return process.wait(kill_after) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return False


def states(output: Path) -> set[int]:
    """What changes when a state file is written."""
    return {path.stat().st_ino for path in output.glob("stats-history-*.json")}


def run_killed(database: Path, options: list[str], output: Path, latest: float, seed: int) -> None:
    """Kill an import at random moments, at the `latest` so many seconds in, until one is done."""
    moments = random.Random(seed)
    assert not run(database, options, output, moments.uniform(0, latest))
    for _ in range(200):
        if run(database, options, output, moments.uniform(0, latest)):
            return
    raise AssertionError("the import never comes to its end")


def lines(folder: Path) -> list[str]:
    """Every sample in the text files of a folder, sorted."""
    texts = (path.read_text() for path in folder.glob("*.om"))
    return sorted(line for text in texts for line in text.splitlines() if line[0] != "#")


@pytest.fixture(params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    """Of the moments to kill at."""
    number: int = request.param
    return number


@pytest.mark.slow
def test_text_slices_are_the_same(
    database: Path, text_at_once: Path, tmp_path: Path, seed: int
) -> None:
    run_killed(database, ["--out"], tmp_path, 0.2, seed)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert lines(tmp_path) == lines(text_at_once)


@pytest.mark.slow
def test_blocks_hold_the_same_samples_once_each(
    database: Path, blocks_at_once: Path, tmp_path: Path, seed: int
) -> None:
    run_killed(database, ["--into"], tmp_path, 0.8, seed)
    assert dump(tmp_path) == dump(blocks_at_once)
    assert samples_in_blocks(tmp_path) == samples_in_blocks(blocks_at_once)


@pytest.mark.slow
def test_the_series_of_the_rules_are_there_once_or_not_at_all(tmp_path: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(2880, step=60))
    once, killed = tmp_path / "once", tmp_path / "killed"
    once.mkdir()
    killed.mkdir()
    options = ["--rules", str(ROOT / "prometheus" / "rules" / "recording.yml"), "--into"]
    assert run(database, options, once)
    with started(database, options, killed) as process:
        until(lambda: list(killed.glob(".stats-history-*/rules-2-*")), 60, "the third step")
        raw = samples_in_blocks(killed)
        process.kill()
    assert samples_in_blocks(killed) == raw
    assert run(database, options, killed)
    assert dump(killed) == dump(once)
    assert samples_in_blocks(killed) == samples_in_blocks(once) > raw
    assert not list(killed.glob(".stats-history-*"))


def state_in(folder: Path, staged: Path) -> State:
    staging = folder / ".stats-history-0"
    return State(
        database="/old.db",
        kind="proxy",
        first_timestamp=1,
        output=str(folder),
        labels={},
        start=1,
        through=9,
        staging=str(staging),
        moves=[(str(staged), str(folder / staged.name))],
    )


def test_a_piece_that_was_decided_but_not_moved_is_moved_by_the_next_run(tmp_path: Path) -> None:
    staged = tmp_path / ".stats-history-0" / "block"
    staged.mkdir(parents=True)
    save(tmp_path / "state.json", state_in(tmp_path, staged))
    state = load(tmp_path / "state.json")
    assert state is not None
    state.settle()
    state.clear_staging()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["block", "state.json"]


def test_a_piece_that_was_moved_and_compacted_since_is_not_missed(tmp_path: Path) -> None:
    state = state_in(tmp_path, tmp_path / ".stats-history-0" / "block")
    state.settle()
    assert state.moves == []
    assert state.through == 9
