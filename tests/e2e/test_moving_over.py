"""The guide for moving over, walked through: its commands are run in their order, as written."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness.prometheus import Prometheus
from tests.stats_history.old_databases import event_database
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.until import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GUIDE = (ROOT / "docs" / "moving-over.md").read_text(encoding="utf-8")
HOUR = 3600
DAY = 24 * HOUR
HASHRATE = 2e14
SNAPSHOT = (
    b'{"MinerSnapshot":{"timestamp":1,"miners":[{"downstream_id":1,"name":"rig","address":null,'
    b'"hashrate":2e14,"shares_submitted":300,"connected_at":1}]}}\n'
)
LABELS = {"source": "127.0.0.1", "job": "stats-proxy", "instance": "127.0.0.1:8084"}
RECORDED = "source:stratum_proxy_hashrate_hashes_per_second:avg5m"
TOTAL = "stratum_proxy_hashrate_hashes_per_second"

SYSTEMCTL = """#!/bin/sh
# Of the units, only Prometheus's is a process here.
case "$*" in
"stop prometheus")
    kill "$(cat {folder}/pid)"
    tail --pid="$(cat {folder}/pid)" -f /dev/null ;;
"start prometheus")
    {prometheus} --config.file={folder}/prometheus.yml --storage.tsdb.path={data} \\
        --storage.tsdb.retention.time=400d --web.enable-admin-api \\
        --web.listen-address=127.0.0.1:{port} >>{folder}/prometheus.log 2>&1 &
    echo $! >{folder}/pid
    curl -s --retry 300 --retry-delay 1 --retry-all-errors -o {folder}/ready \\
        http://127.0.0.1:{port}/-/ready ;;
esac
"""


class Walk:
    """An operator's machine: the commands on its PATH, and what they are run with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.database = folder / "stats.db"
        self._bin = folder / "bin"
        self._open = ExitStack()
        self.ports = dict(zip((18082, 18084, 8082, 8084, 9090), free_ports(5), strict=True))
        self.prometheus = Prometheus(self.ports[9090])

    def __enter__(self) -> "Walk":
        program("curl")  # which the guide runs
        for folder in (self.data, self._bin, self.folder / "rules"):
            folder.mkdir()
        shutil.copy(ROOT / "prometheus" / "rules" / "recording.yml", self.folder / "rules")
        (scrape,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
        configuration = "global: {scrape_interval: 1s}\n" + self.at_our_ports(scrape)
        (self.folder / "prometheus.yml").write_text(configuration)
        self._command("stats-history", f"exec {sys.executable} -m stats_history")
        self._command("stats-proxy", f"exec {sys.executable} -m exporters.proxy")
        for name in ("promtool", "prometheus"):
            self._command(name, f"exec {program(name)}")
        shim = SYSTEMCTL.format(
            folder=self.folder,
            data=self.data,
            port=self.ports[9090],
            prometheus=program("prometheus"),
        )
        (self._bin / "systemctl").write_text(shim)
        (self._bin / "systemctl").chmod(0o755)
        self._open.enter_context(self._prometheus())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, block: str) -> str:
        """Run a block's commands in one shell, with the guide's names; what they print."""
        if block.startswith("stats-proxy"):
            self._open.enter_context(self._service(block))
            return ""
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self.names()}\n{self.at_our_ports(block)}"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def names(self) -> str:
        """The guide's own assignments, with the paths of this machine."""
        block = next(block for block in blocks() if block.startswith("DB="))
        names = block.replace("/var/lib/hashpool/stats-proxy/stats.db", str(self.database))
        names = names.replace("/var/lib/prometheus/data", str(self.data))
        names = names.replace("/etc/prometheus/rules", f"{self.folder}/rules")
        return self.at_our_ports(names)

    def at_our_ports(self, text: str) -> str:
        """`text` with free ports, but for the label `instance`, which stays."""
        for usual, ours in self.ports.items():
            text = re.sub(rf'(?<!")127\.0\.0\.1:{usual}\b(?!\\?")', f"127.0.0.1:{ours}", text)
        return text.replace(f"--instance 127.0.0.1:{self.ports[8084]}", "--instance 127.0.0.1:8084")

    def restart_prometheus(self) -> None:
        """Have it find new blocks now, and not within a minute."""
        self.run("systemctl stop prometheus; systemctl start prometheus")

    def move_a_sender(self) -> None:
        """Send a snapshot to the new service, until Prometheus has stored what it says."""

        def scraped() -> bool:
            with socket.create_connection(("127.0.0.1", self.ports[18082])) as sender:
                sender.sendall(SNAPSHOT)
            return self.prometheus.value(RECORDED) is not None

        until(scraped, 120, "a sample of the rules")

    def _command(self, name: str, line: str) -> None:
        path = self._bin / name
        path.write_text(f'#!/bin/sh\n{line} "$@"\n')
        path.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    @contextmanager
    def _prometheus(self) -> Iterator[None]:
        try:
            self.run("systemctl start prometheus")
            yield
        finally:
            self.run("systemctl stop prometheus")

    @contextmanager
    def _service(self, block: str) -> Iterator[None]:
        options = block.partition("#")[0]
        if "listen-address" not in options:  # the default ports may be taken here
            ingest, web = free_ports(2)
            options += f" --ingest.listen-address=127.0.0.1:{ingest} "
            options += f"--web.listen-address=127.0.0.1:{web}"
        command = shlex.split(self.at_our_ports(options))
        ready = f"http://{command[-1].rpartition('=')[2]}/-/ready"
        with (
            (self.folder / "stats-proxy.log").open("ab") as log,
            subprocess.Popen(command, env=self._environment(), stderr=log) as service,
        ):
            try:
                self.run(f"curl -s --retry 60 --retry-delay 1 --retry-all-errors {ready}")
                yield
            finally:
                service.terminate()


def blocks() -> list[str]:
    """Every block of shell commands in the guide."""
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with Walk(tmp_path) as walk:
        yield walk


def is_imported(walk: Walk, at: int) -> bool:
    """Whether Prometheus has the total and what the rules make of it, under the live labels.

    What was scraped live is there in any case.
    """
    assert walk.prometheus.value(f"count_over_time({TOTAL}[1h])")
    found = [sample for name in (TOTAL, RECORDED) for sample in walk.prometheus.query(name, at)]
    for sample in found:
        labels = {name: value for name, value in sample.labels.items() if name != "__name__"}
        assert labels == LABELS
        assert sample.value == pytest.approx(HASHRATE)
    assert len(found) in (0, 2)
    return len(found) == 2


def test_every_command_of_the_guide_does_what_it_says(walk: Walk) -> None:
    now = int(time.time())
    first, last = now - 30 * HOUR, now - 5 * HOUR
    event_database(
        walk.database,
        [(at, 1, HASHRATE) for at in range(first, last, 15)],
        names={1: "rig"},
        quotes=[(first + HOUR, 1, 5)],
        balance=(5, last),
    )

    the_import = next(block for block in blocks() if "--into $DATA" in block)
    walked = []
    for block in blocks():
        if block.startswith("docker "):
            continue  # the same command in a container, which needs the image
        if block.startswith("date "):
            walk.move_a_sender()
        if "rm -r $PIECES" in block:
            walk.run(f"systemctl stop prometheus\n{the_import}")
        printed = walk.run(block.replace("stats-history retire", "stats-history retire --yes"))
        walked.append(block.split()[0])
        if block.startswith("promtool query"):
            assert all(f'{name}="{value}"' in printed for name, value in LABELS.items())
        elif block == the_import:
            assert "samples of rules" in printed
            walk.restart_prometheus()
            assert is_imported(walk, last - HOUR)
        elif "delete_series" in block:
            assert not is_imported(walk, last - HOUR)
        elif "rm -r $PIECES" in block:
            assert not is_imported(walk, last - HOUR)
            walk.run(the_import)
            walk.restart_prometheus()
            assert is_imported(walk, last - HOUR)
    assert walked.count("stats-history") == 3
    assert not walk.database.with_name("stats.db.before-retire").exists()
