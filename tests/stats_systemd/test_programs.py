"""The programs under a systemd that the test plays: its sockets and its datagrams are real."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from stats_gateway.sender import MinerTracker, StatsHandle
from tests.support.programs import ROOT
from tests.support.until import sleep_until, until

HELLO = b'{"Hello": {"source": "translator-1"}}\n'


@dataclass(frozen=True, slots=True)
class Systemd:
    """What systemd keeps for a unit, also while no process of it runs."""

    heard: socket.socket
    listeners: dict[str, socket.socket]

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """`python -m ARGUMENTS` with the sockets of this unit."""
        sockets = list(self.listeners.values())
        moved = "".join(f" {number}<&{one.fileno()}" for number, one in enumerate(sockets, 3))
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'LISTEN_PID=$$ exec "$@"{moved}',
                "-",
                sys.executable,
                "-m",
                *arguments,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "NOTIFY_SOCKET": self.heard.getsockname(),
                "LISTEN_FDS": str(len(sockets)),
                "LISTEN_FDNAMES": ":".join(self.listeners),
                **environment,
            },
            pass_fds=[one.fileno() for one in sockets],
            stderr=subprocess.DEVNULL,
        )
        try:
            self.hear("READY=1")
            yield process
        finally:
            process.kill()
            process.wait()

    def hear(self, state: str, *, after: Sequence[str] = ("WATCHDOG=1",)) -> None:
        """Wait for a state; before it only those in `after` may come."""
        while (said := self.heard.recv(4096).decode()) in after:
            pass
        assert said.startswith(state), said

    def port(self, name: str) -> int:
        """The port of a listener."""
        port = self.listeners[name].getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with ExitStack() as stack:
        heard = stack.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)
        listeners = {
            name: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in ("web", "ingest")
        }
        yield Systemd(heard, listeners)


def test_a_service_says_that_it_is_ready_that_it_lives_that_it_reloads_and_that_it_stops(
    systemd: Systemd,
) -> None:
    with systemd.start("exporters.proxy", WATCHDOG_USEC="1000000") as service:
        with urlopen(f"http://127.0.0.1:{systemd.port('web')}/-/ready", timeout=30) as answer:
            assert answer.status == 200
        systemd.hear("WATCHDOG=1", after=())
        service.send_signal(signal.SIGHUP)
        systemd.hear("RELOADING=1")
        systemd.hear("READY=1")
        service.send_signal(signal.SIGTERM)
        systemd.hear("STOPPING=1")
        assert service.wait(30) == 0


def test_a_sender_waits_while_a_service_is_restarted_and_is_never_refused(
    systemd: Systemd,
) -> None:
    with systemd.start("exporters.proxy") as service:
        service.send_signal(signal.SIGTERM)
        systemd.hear("STOPPING=1")
        assert service.wait(30) == 0
    with socket.create_connection(("127.0.0.1", systemd.port("ingest")), timeout=60) as sender:
        sender.sendall(HELLO)
        with systemd.start("exporters.proxy"):
            assert sender.recv(100).startswith(b'{"Welcome"')


@pytest.mark.slow  # it waits from one scrape to the next
def test_a_restart_costs_one_scrape_at_most_and_none_is_refused(systemd: Systemd) -> None:
    configuration = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    (interval,) = {
        int(job["scrape_interval"].removesuffix("s"))
        for job in configuration["scrape_configs"]
        if job["job_name"] in ("stats-proxy", "stats-pool")
    }
    tracker = MinerTracker()
    tracker.connect(1, "rig-1", None, time.time())

    def shows_the_miner() -> bool:
        with urlopen(f"http://127.0.0.1:{systemd.port('web')}/metrics", timeout=60) as answer:
            return b'name="rig-1"' in answer.read()

    with (
        ThreadPoolExecutor(1) as prometheus,
        StatsHandle(("127.0.0.1", systemd.port("ingest")), source="translator-1") as handle,
    ):
        handle.send(tracker.snapshot(time.time()))  # and nothing newer: a restart needs no more
        with systemd.start("exporters.proxy") as service:
            until(shows_the_miner)
            service.send_signal(signal.SIGTERM)
            systemd.hear("STOPPING=1")
            assert service.wait(30) == 0
        during = prometheus.submit(shows_the_miner)
        with systemd.start("exporters.proxy"):
            during.result()  # an answer, with the miner or without
            sleep_until(time.monotonic() + interval)
            assert shows_the_miner()


def test_a_service_takes_one_socket_from_systemd_and_opens_the_other_itself(
    systemd: Systemd,
) -> None:
    systemd.listeners.pop("web").close()
    with (
        systemd.start("exporters.pool", "--web.listen-address=127.0.0.1:0"),
        socket.create_connection(("127.0.0.1", systemd.port("ingest")), timeout=60) as sender,
    ):
        sender.sendall(HELLO)
        assert sender.recv(100).startswith(b'{"Welcome"')


def test_a_socket_that_the_service_does_not_know_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = f"LISTEN_PID=$$ exec {sys.executable} -m exporters.proxy 3<&{other.fileno()}"
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "stats-proxy.socket"},
            pass_fds=[other.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("stats-proxy: systemd hands over a socket named 'stats-proxy.socket'")


def test_a_feed_says_that_it_is_ready_that_it_lives_and_that_it_stops(systemd: Systemd) -> None:
    simulate = ("simulate", "--miners", "5", "--proxy", "127.0.0.1:9", "--pool", "127.0.0.1:9")
    with systemd.start("stats_feed", *simulate, WATCHDOG_USEC="200000") as feed:
        systemd.hear("WATCHDOG=1", after=())
        feed.send_signal(signal.SIGTERM)
        systemd.hear("STOPPING=1")
        assert feed.wait(30) == 0
