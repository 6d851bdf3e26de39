"""The history of an old database goes into a store of many sites by the commands of the guide."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.agreement import flush
from tests.fleet.shipped import store
from tests.stats_history.old_databases import START, snapshot_database, steady_rows
from tests.support.documents import examples
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.servers import LOOPBACK, asked, running

pytestmark = pytest.mark.slow

ROWS = 240
"""One every 15 s: an hour."""

HASHRATE = 5 * 1000 * 2**32 / 15
PROGRAMS = ("vmctl", "promtool", "prometheus", "curl")


def test_the_guides_commands_bring_history_into_a_store(tmp_path: Path) -> None:
    (commands,) = examples("docs/moving-over.md", "history into a store")
    snapshot_database(tmp_path / "stats.db", steady_rows(ROWS))
    (tmp_path / "moved-at").write_text(str(START + ROWS * 15))
    (tmp_path / "stats-history").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m stats_history "$@"'
    )
    (tmp_path / "stats-history").chmod(0o755)
    places = [str(tmp_path), *(str(Path(program(name)).parent) for name in PROGRAMS)]
    (port,) = free_ports(1)
    environment = {
        "PATH": os.pathsep.join([*places, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "DB": str(tmp_path / "stats.db"),
        "RULES": str(ROOT / "prometheus" / "rules" / "recording.yml"),
        "STORE": f"http://{LOOPBACK}:{port}",
    }
    with running(store(tmp_path, port, retentionPeriod="100y"), tmp_path / "log", port):
        (tmp_path / "commands").write_text(commands)
        # Debian 12's vmctl wants a terminal for its progress.
        done = subprocess.run(
            ["script", "-qefc", "bash -euo pipefail commands", "/dev/null"],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        record = "source:stratum_proxy_hashrate_hashes_per_second:avg5m"
        end = START + ROWS * 15 - 60
        flush(port)
        found = asked(port, "query", query=record, time=end)["result"]
        assert [one["metric"]["site"] for one in found] == ["farm-a"]
        assert float(found[0]["value"][1]) == pytest.approx(HASHRATE, rel=0.01)
        rows = "stratum_proxy_miner_hashrate_hashes_per_second"
        assert not asked(port, "query", query=rows, time=end)["result"], (
            "the filter leaves them out"
        )
