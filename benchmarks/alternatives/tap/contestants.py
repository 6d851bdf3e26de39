"""The ways between miners and a pool: direct, HAProxy in TCP mode, and `stats-feed tap`."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.common.clients import TIMEOUT_SECONDS, Address
from benchmarks.common.programs import Memory, cpu_seconds, find, memory
from benchmarks.common.running import Server, running_service

CONFIGURATION = """\
global
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 900s
    timeout server 900s
listen stratum
    bind 127.0.0.1:{port}
    server pool {host}:{pool_port}
"""
"""One thread, as the tap is one process; what it needs is less than a core."""


class Process(Protocol):
    """What a program in between costs."""

    @property
    def cpu_seconds(self) -> float:
        """CPU time it has taken so far."""

    @property
    def memory(self) -> Memory:
        """What it takes now."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where miners connect; the program between them and the pool, where there is one."""

    address: Address
    process: Process | None


Open = Callable[[Address], AbstractContextManager[Way]]


def contestants() -> dict[str, Open]:
    """All that are here, by name."""
    ways: dict[str, Open] = {"direct": direct, "tap": tap}
    if (program := find("haproxy")) is not None:
        ways["haproxy"] = lambda pool: haproxy(program, pool)
    return ways


@contextlib.contextmanager
def direct(pool: Address) -> Iterator[Way]:
    """No program in between."""
    yield Way(pool, None)


@contextlib.contextmanager
def tap(pool: Address) -> Iterator[Way]:
    """Ours, which sends its snapshots to a real service as it would anywhere."""
    with running_service() as service:
        host, port = service.addresses[0]
        command = [
            *(sys.executable, "-m", "stats_feed", "tap", "--listen=127.0.0.1:0"),
            *(f"--upstream={pool[0]}:{pool[1]}", f"--to={host}:{port}"),
        ]
        with Server(command, r"listening on ([\d.]+):(\d+)") as server:
            yield Way(server.addresses[0], server)


@contextlib.contextmanager
def haproxy(program: str, pool: Address) -> Iterator[Way]:
    """HAProxy with the least configuration that passes TCP through."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address: Address = free.getsockname()
    text = CONFIGURATION.format(port=address[1], host=pool[0], pool_port=pool[1])
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(text)
        file.flush()
        with subprocess.Popen([program, "-db", "-q", "-f", file.name]) as process:  # noqa: S603 - HAProxy
            try:
                _wait_for(address, process)
                yield Way(address, _Costs(process.pid))
            finally:
                process.kill()


@dataclass(frozen=True, slots=True)
class _Costs:
    pid: int

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> Memory:
        return memory(self.pid)


def _wait_for(address: Address, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    # Looked for in the kernel's list: a connection would be passed on to the pool.
    wanted = f":{address[1]:04X} 00000000:0000 0A"
    while wanted not in Path("/proc/net/tcp").read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("HAProxy has not started")
        time.sleep(0.02)
