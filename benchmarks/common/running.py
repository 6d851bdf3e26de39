"""Runs servers as their users do: in processes of their own, fed and scraped over sockets."""

import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from threading import Thread
from typing import Self

from benchmarks.common import fleet
from benchmarks.common.clients import Address, Scraper, Sender
from benchmarks.common.fleet import Shape
from benchmarks.common.programs import STOP_SECONDS, Memory, cpu_seconds, memory

STATS_PROXY = (sys.executable, "-m", "exporters.proxy")
ANY_PORT = ("--ingest.listen-address", "127.0.0.1:0", "--web.listen-address", "127.0.0.1:0")

FINE_POLL_SECONDS = 0.01
"""Between looks for a snapshot whose delay is measured: adds half of that and an answer's time."""

ASLEEP = 0.8
"""Of the shortest delay so far, before the first look: to be asked all the while delays a service,
and nobody scrapes a hundred times a second."""

COARSE_POLL_SECONDS = 0.1
"""The same where CPU time is measured, which must not be spent on being asked."""


class Server:
    """A program that says in its log where it listens, until the end of the `with` block.

    Each of `patterns`, in the order of the log, has a group for the host and one for the port.
    """

    def __init__(self, command: Sequence[str], *patterns: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own programs, and Pushgateway
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addresses = [self._find(pattern) for pattern in patterns]
        # Nobody reads its log any more, and a full pipe would stop it.
        self._reader = Thread(target=deque, args=(self._process.stderr, 0))
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reader.join()
        with self._process:
            pass  # which waits for it and closes its pipes

    def _find(self, pattern: str) -> Address:
        for line in self._process.stderr or ():
            if found := re.search(pattern, line):
                return found[1], int(found[2])
        raise RuntimeError(f"{self._process.args!r} ended: {self._process.wait(STOP_SECONDS)}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the program until the end of the block, so that another is measured without it."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @property
    def cpu_seconds(self) -> float:
        """CPU time it has taken so far."""
        return cpu_seconds(self._process.pid)

    @property
    def memory(self) -> Memory:
        """What it takes now."""
        return memory(self._process.pid)

    def stop(self) -> str:
        """End it as an operator would; gives what it wrote to its standard output."""
        self._process.send_signal(signal.SIGTERM)
        output = self._process.stdout.read() if self._process.stdout is not None else ""
        self._process.wait(STOP_SECONDS)
        return output


def running_service(command: Sequence[str] = STATS_PROXY) -> Server:
    """`stats-proxy`, or a program like it: its addresses are where senders and scrapers connect."""
    return Server(
        [*command, *ANY_PORT],
        r"for senders on ([\d.]+):(\d+)",
        r"for HTTP on http://([\d.]+):(\d+)",
    )


class Feed:
    """A service with one sender and one scraper, driven snapshot by snapshot."""

    def __init__(
        self, service: Server, miners: int, shape: Shape = Shape.FULL, source: str = "bench"
    ) -> None:
        ingest, web = service.addresses
        self.service = service
        self.scraper = Scraper(web)
        self._sender = Sender(ingest, source, shape.encoding)
        self._messages = fleet.messages(miners, shape)
        self._timestamps = fleet.timestamps()
        self._message = b""
        self._shortest = float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.close()
        self.scraper.close()

    def warm_up(self) -> None:
        """Let the service see the fleet twice, and be scraped once in between."""
        self.cycle(COARSE_POLL_SECONDS)
        self.scraper.get("/metrics")
        self.cycle(COARSE_POLL_SECONDS)

    def prepare(self) -> None:
        """Make the next snapshot, so that sending it costs the sender nothing more."""
        self._message = next(self._messages)

    def cycle(self, poll_seconds: float) -> float:
        """Send the next snapshot and wait until it is exposed; seconds from its last byte."""
        if not self._message:
            self.prepare()
        self._sender.send(self._message)
        sent = time.perf_counter()
        self._message = b""
        if isfinite(self._shortest):
            time.sleep(ASLEEP * self._shortest)
        self.scraper.wait_for(self._sender.source, next(self._timestamps), poll_seconds)
        taken = time.perf_counter() - sent
        self._shortest = min(self._shortest, taken)
        return taken
