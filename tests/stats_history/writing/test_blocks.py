"""Imports into the data directory of a real Prometheus."""

import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stats_history.__main__ import main
from stats_history.writing.blocks import HEAD_SECONDS, make_blocks, sources_of
from stats_history.writing.state import load
from tests.grafana.boards import ROOT
from tests.stats_history.exposition import Samples, samples_of
from tests.stats_history.old_databases import (
    START,
    add_snapshots,
    event_database,
    snapshot_database,
    steady_rows,
)
from tests.stats_history.prometheus import Prometheus, dump, running, samples_in_blocks
from tests.support.programs import program
from tests.support.until import until

TOTAL = "stratum_proxy_hashrate_hashes_per_second"
RULES = ROOT / "prometheus" / "rules" / "recording.yml"
MINER = "stratum_proxy_miner_hashrate_hashes_per_second"


@pytest.fixture(autouse=True)
def _promtool(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools where the command looks for them."""
    monkeypatch.setenv("PATH", str(Path(program("promtool")).parent), prepend=os.pathsep)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data directory."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def blocks(data: Path) -> set[str]:
    return {meta.parent.name for meta in data.glob("*/meta.json")}


def test_blocks_span_as_much_time_as_is_asked_for(tmp_path: Path) -> None:
    lines = [f"a {hour} {START + hour * 3600}\n" for hour in range(100)]
    text = tmp_path / "text.om"
    text.write_text("# TYPE a gauge\n" + "".join(lines) + "# EOF\n")
    promtool = program("promtool")
    usual = len(make_blocks(promtool, text, tmp_path, len(lines)))
    assert usual >= 100 // 18
    (tmp_path / "text.blocks").rename(tmp_path / "usual")
    assert len(make_blocks(promtool, text, tmp_path, len(lines), 54 * 3600)) <= usual // 2


@pytest.mark.slow
def test_prometheus_answers_with_every_sample_of_both_generations(
    tmp_path: Path, data: Path
) -> None:
    rows = steady_rows(3000, miners=2, step=30)
    new = snapshot_database(tmp_path / "new.db", rows, {1: "rig", 2: 'q"\\⛏'})
    old = event_database(
        tmp_path / "old.db",
        [(START - 90_000 + 15 * at, 1, 1e12 + at) for at in range(2000)],
        quotes=[(START - 80_000 + 700 * at, 1, 5) for at in range(50)],
        balance=(77, START - 70_000),
    )
    expected: Samples = {}
    for database in (old, new):
        assert main(["import", str(database), "--into", str(data)]) == 0
        text = database.with_suffix(".om")
        assert main(["import", str(database), "--out", str(text)]) == 0
        for key, samples in samples_of(text).items():
            expected.setdefault(key, []).extend(samples)
    with running(data, tmp_path) as prometheus:
        assert prometheus.samples(START + 100_000) == expected


@pytest.mark.slow
def test_a_board_shows_one_line_from_imported_to_live(tmp_path: Path, data: Path) -> None:
    now = int(time.time())
    start = now - 900
    database = snapshot_database(tmp_path / "stats.db", steady_rows(55, start=start))
    with stats_proxy() as (ingest, web):
        assert main(["import", str(database), "--into", str(data), "--instance", web]) == 0
        with (
            socket.create_connection(ingest) as translator,
            running(data, tmp_path, scrape=web) as prometheus,
        ):
            live = wait_for_live(translator, prometheus, now)
            total = prometheus.graph(f"sum({TOTAL})", start, live, 15)
            miner = prometheus.graph(f'{MINER}{{name="rig"}}', start, live, 15)
    steps = list(range(start + 15, live, 15))
    for graph in (total, miner):
        assert len(graph) == 1
        assert [at for at, _ in graph[0] if at in steps] == steps


def wait_for_live(translator: socket.socket, prometheus: Prometheus, since: int) -> int:
    """Send snapshots until Prometheus has scraped one; when that was."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        translator.sendall(
            b'{"MinerSnapshot":{"timestamp":1,"miners":[{"downstream_id":1,"name":"rig",'
            b'"address":null,"hashrate":1.5e12,"shares_submitted":300,"connected_at":1}]}}\n'
        )
        [points] = prometheus.graph(f"timestamp({TOTAL})", since, since + 60, 1) or [[]]
        live = [at for at, scraped in points if scraped > since]
        if live:
            return live[0]
        time.sleep(0.5)  # the sender's interval
    raise AssertionError("Prometheus has scraped nothing")


@pytest.mark.slow
def test_increase_sees_every_rare_quote_once(tmp_path: Path, data: Path) -> None:
    rows = [(START + 15 * at, 1, 1e12) for at in range(13 * 240)]
    quotes = [(START + 1000 + 5400 * number, 1, 5) for number in range(8)]
    database = event_database(tmp_path / "stats.db", rows, names={1: "rig"}, quotes=quotes)
    assert main(["import", str(database), "--into", str(data)]) == 0
    query = "increase(stratum_proxy_quotes_created_total[1h])"
    with running(data, tmp_path) as prometheus:
        seen = [prometheus.graph(query, at + 1800, at + 1800, 60)[0][0][1] for at, _, _ in quotes]
        between = [
            prometheus.graph(query, at + 4500, at + 4500, 60)[0][0][1] for at, _, _ in quotes
        ]
    assert seen == pytest.approx([1.0] * 8, rel=0.05)
    assert between == [0.0] * 8


@contextmanager
def stats_proxy() -> Iterator[tuple[tuple[str, int], str]]:
    """A running stats-proxy: where it takes snapshots, and the host:port of its /metrics."""
    command = [sys.executable, "-u", "-m", "exporters.proxy"]
    options = ["--ingest.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0"]
    # Unbuffered, or a second line waits in the buffer while select() waits for it in the pipe.
    with subprocess.Popen(command + options, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        try:
            ports: list[int] = []
            while len(ports) < 2:
                assert select.select([process.stderr], [], [], 30)[0], "stats-proxy says nothing"
                line = process.stderr.readline().decode()
                assert line, "stats-proxy ended"
                ports += [int(port) for port in re.findall(r"listening .*127\.0\.0\.1:(\d+)", line)]
            yield ("127.0.0.1", ports[0]), f"127.0.0.1:{ports[1]}"
        finally:
            process.terminate()
            process.communicate()


def test_a_second_run_adds_no_block_and_a_third_what_came_since(tmp_path: Path, data: Path) -> None:
    rows = steady_rows(40)
    database = snapshot_database(tmp_path / "stats.db", rows[:25])
    run = ["import", str(database), "--into", str(data)]
    assert main(run) == 0
    first = blocks(data)
    assert main(run) == 0
    assert blocks(data) == first
    assert len(first) == 1
    add_snapshots(database, rows[25:])
    assert main(run) == 0
    assert samples_in_blocks(data) == len(set(dump(data))) > 40 * 7


def test_nothing_is_imported_where_prometheus_may_still_write(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "wal").mkdir()
    (data / "wal" / "00000000").touch()
    now = int(time.time())
    first = now - HEAD_SECONDS - 150
    database = snapshot_database(tmp_path / "stats.db", steady_rows(40, start=first))
    assert main(["import", str(database), "--into", str(data)]) == 0
    stored = [int(line.split()[-1]) // 1000 for line in dump(data)]
    assert first in stored
    assert max(stored) <= int(time.time()) - HEAD_SECONDS
    assert "run again to add them" in capsys.readouterr().out


def test_a_folder_that_is_missing_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    assert main(["import", str(database), "--into", str(tmp_path / "none")]) == 1
    assert "--storage.tsdb.path" in capsys.readouterr().err


def test_a_promtool_that_fails_leaves_nothing_behind(
    tmp_path: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = tmp_path / "bin" / "promtool"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no space left on device >&2\nexit 1\n")
    broken.chmod(0o755)
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    run = ["import", str(database), "--into", str(data)]
    with monkeypatch.context() as path:
        path.setenv("PATH", str(broken.parent), prepend=os.pathsep)
        assert main(run) == 1
    assert "no space left on device" in capsys.readouterr().err
    assert not [path for path in data.iterdir() if path.is_dir()]
    assert main(run) == 0
    assert samples_in_blocks(data) >= 16


@pytest.mark.slow
def test_the_state_names_every_imported_block(tmp_path: Path, data: Path) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(400, step=60))
    run = ["import", str(database), "--into", str(data), "--rules", str(RULES)]
    assert main(run) == 0
    [state] = data.glob("*.json")
    found = load(state)
    assert found is not None
    assert len(found.pieces) > 2
    assert sorted(found.pieces) == sorted(blocks(data))


def test_a_retire_is_refused_when_the_blocks_are_gone(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = snapshot_database(tmp_path / "stats.db", steady_rows(40))
    assert main(["import", str(database), "--into", str(data)]) == 0
    [state] = data.glob("*.json")
    for name in blocks(data):
        shutil.rmtree(data / name)
    assert main(["retire", str(database), "--state", str(state), "--yes"]) == 3
    assert "1 of 1 imported blocks are no longer in" in capsys.readouterr().err


def test_a_compacted_block_still_counts_as_its_parents(data: Path) -> None:
    compacted = {"compaction": {"sources": ["01A", "01B"]}}
    (data / "01C").mkdir()
    (data / "01C" / "meta.json").write_text(json.dumps(compacted))
    assert sources_of(data) == {"01A", "01B", "01C"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_promtool_ends_with_an_import_that_is_killed(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "bin" / "promtool"
    endless.parent.mkdir()
    pid = tmp_path / "pid"
    endless.write_text(f"#!/bin/sh\necho $$ > {pid}.new\nmv {pid}.new {pid}\nexec sleep 600\n")
    endless.chmod(0o755)
    monkeypatch.setenv("PATH", str(endless.parent), prepend=os.pathsep)
    database = snapshot_database(tmp_path / "stats.db", steady_rows(4))
    command = [sys.executable, "-m", "stats_history", "import", str(database), "--into", str(data)]
    with subprocess.Popen(command) as process:
        until(pid.exists, 30, "promtool")
        process.kill()
    child = Path("/proc", pid.read_text().strip())
    until(lambda: not child.exists() or "Z" in state_of(child), 30, "the end of promtool")


def state_of(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
