"""Measures what `stats-feed sri` takes to read a program with many clients and to send them.

The program is the one that the tests of the feed use. Each of its clients has an accepted and a
refused share between two polls, so that every count changes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from statistics import median
from threading import Condition, Thread

from benchmarks.common.clients import TIMEOUT_SECONDS
from benchmarks.common.programs import Memory
from benchmarks.common.running import STATS_PROXY, Server, running_service
from tests.stats_feed.sri.programs import Pool, Program, Translator

FEED = (sys.executable, "-m", "stats_feed", "sri", "--source", "bench", "--log.level", "error")
STATS_POOL = (sys.executable, "-m", "exporters.pool")
FIRST_REQUEST = "/api/v1/global"
"""Each poll begins with this."""

WARM_UPS = 2
"""Polls before those that are measured: the first of all connects as well."""


class Kind(StrEnum):
    """The programs that the feed reads."""

    TRANSLATOR = "translator"
    POOL = "pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class SriFigures:
    """One feed that reads one program, its own process alone. Seconds: medians."""

    kind: Kind
    clients: int
    polls: int
    requests: int
    """Of each poll."""
    cpu: float
    """To read all pages, to put them together, and to send the snapshot."""
    memory: Memory


@dataclass(slots=True)
class _Polls:
    """Counts the polls of the feed, and has the program's clients share before each of them."""

    program: Program
    begun: int = 0
    requests: int = 0
    """Of the poll before the one that has begun."""
    change: Condition = field(default_factory=Condition)

    def answer(self, target: str) -> tuple[int, bytes]:
        with self.change:
            if target == FIRST_REQUEST:
                self._next()
            answer = self.program.answer(target)
            return answer.status, answer.body

    def wait_for(self, number: int) -> int:
        """Wait until the poll of that number begins; the requests of the poll before it.

        Raises TimeoutError.
        """
        with self.change:
            if not self.change.wait_for(lambda: self.begun >= number, TIMEOUT_SECONDS):
                raise TimeoutError(f"poll {number} of stats-feed sri did not begin")
            return self.requests

    def _next(self) -> None:
        for peer in self.program.peers.values():
            peer.lines[0].share(1e5)
            peer.lines[0].refuse("stale-share")
        self.program.uptime += 1
        self.program.refresh()
        self.requests = len(self.program.requests)
        self.program.requests.clear()
        self.begun += 1
        self.change.notify_all()


def measure_sri(kind: Kind, clients: int, polls: int, interval: float) -> SriFigures:
    """Let the feed poll the program every `interval` seconds, and send to a service."""
    program = Translator() if kind is Kind.TRANSLATOR else Pool()
    for number in range(clients):
        program.open_channel(program.connect(f"farm1.rig-{number:05d}"))
    watched = _Polls(program)
    command = STATS_PROXY if kind is Kind.TRANSLATOR else STATS_POOL
    with running_service(command) as service, _serving(watched) as port:
        (host, ingest_port), _ = service.addresses
        to = ("--to", f"{host}:{ingest_port}", "--interval", f"{interval:g}")
        with Server([*FEED, "--url", f"http://127.0.0.1:{port}", *to]) as feed:
            spent, requests = [], []
            for number in range(WARM_UPS + 1, WARM_UPS + polls + 2):
                requests.append(watched.wait_for(number))
                spent.append(feed.cpu_seconds)
            return SriFigures(
                kind=kind,
                clients=clients,
                polls=polls,
                requests=max(requests),
                cpu=median(after - before for before, after in pairwise(spent)),
                memory=feed.memory,
            )


@contextmanager
def _serving(polls: _Polls) -> Iterator[int]:
    """Serve the answers over HTTP until the end of the block; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = polls.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
