"""`stats-feed tap` as a process of its own."""

import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

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

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log
        self._reader.join(60)
        return self.log


@contextmanager
def running(*flags: str) -> Iterator[Program]:
    command = [
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
