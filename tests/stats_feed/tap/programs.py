"""`stats-feed tap` as a process of its own."""

import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.stats_feed.tap.taps import Address, Peer
from tests.support.programs import ROOT
from tests.support.until import until


class Program:
    """`stats-feed tap`, its addresses and its log."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.log = ""
        # Read all the while: a full pipe would stop the program.
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        found = until(lambda: re.search(r"listening on ([\d.]+):(\d+)", self.log))
        assert found is not None
        self.miners: Address = found[1], int(found[2])

    def _read_log(self) -> None:
        with suppress(ValueError):  # closed, while workers still have their end of it
            for text in self.process.stderr or ():
                self.log += text

    @property
    def web(self) -> Address:
        found = re.search(r"http://([\d.]+):(\d+)/metrics", self.log)
        assert found is not None, self.log
        return found[1], int(found[2])

    def metrics(self) -> dict[str, float]:
        url = "http://{}:{}/metrics".format(*self.web)
        with urllib.request.urlopen(url, timeout=30) as response:
            text = response.read().decode()
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def workers(self) -> list[int]:
        """Its worker processes, without the one that multiprocessing keeps for itself."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        every = {child for task in tasks for child in _read(task).split()}
        return [int(one) for one in every if "spawn_main" in _read(Path(f"/proc/{one}/cmdline"))]

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log
        self._reader.join(60)
        return self.log


@contextmanager
def running(*flags: str, files: int | None = None) -> Iterator[Program]:
    """The program with these flags, and with so many open files at most."""
    command = [
        *(() if files is None else ("sh", "-c", f'ulimit -n {files}; exec "$@"', "sh")),
        *(sys.executable, "-m", "stats_feed", "tap", "--listen=127.0.0.1:0"),
        *("--web.listen-address=127.0.0.1:0", "--interval=0.5", "--log.level=debug", *flags),
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def connect(address: Address) -> Peer:
    return Peer(socket.create_connection(address))


def is_running(pid: int) -> bool:
    stat = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(stat) and stat[0] != "Z"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""
