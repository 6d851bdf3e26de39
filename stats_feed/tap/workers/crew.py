"""This module starts the workers, takes their reports, and starts one anew when it has died."""

import contextlib
import logging
import multiprocessing
import threading
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from typing import Self

from stats_feed.program.stopping import wait_until_set
from stats_feed.tap.options import TapOptions
from stats_feed.tap.passing.sockets import reserve
from stats_feed.tap.workers.assembly import Assembly
from stats_feed.tap.workers.worker import STOP, work

logger = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
"""Between the end of a worker and the start of the next one in its place."""


class Crew:
    """The workers of one tap. The ports are kept for them from the start. Raises OSError."""

    def __init__(self, options: TapOptions, assembly: Assembly) -> None:
        self._assembly = assembly
        self._reserved = contextlib.ExitStack()
        sockets = [self._reserved.enter_context(reserve(one)) for one, _ in options.listen]
        listen = tuple(
            (_address(one), tls)
            for one, (_, tls) in zip(
                (one.getsockname() for one in sockets), options.listen, strict=True
            )
        )
        # Each worker lets in its share of all connections.
        most = -(-options.admission.max_connections // options.workers)
        admission = replace(options.admission, max_connections=most)
        self._options = replace(options, listen=listen, admission=admission)
        self._processes = multiprocessing.get_context("spawn")
        self._numbers = count()
        self._lock = threading.Lock()
        self._connections: dict[int, Connection] = {}
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reserved.close()

    def work(self, stop: threading.Event) -> None:
        """Keep the workers working until `stop` is set, and return when they have ended."""
        keepers = [
            threading.Thread(target=self._keep, name=f"worker-{number}")
            for number in range(self._options.workers)
        ]
        for keeper in keepers:
            keeper.start()
        wait_until_set(stop)
        with self._lock:
            self._stop.set()
            for connection in self._connections.values():
                with contextlib.suppress(OSError):  # it has died just now
                    connection.send(STOP)
        for keeper in keepers:
            keeper.join()

    def _keep(self) -> None:
        """Run one worker after the other."""
        while not self._stop.is_set():
            ours, its = self._processes.Pipe()
            with self._lock:
                number = next(self._numbers)
                process = self._processes.Process(target=work, args=(self._options, number, its))
                process.start()
                its.close()
                self._connections[number] = ours
                if self._stop.is_set():
                    ours.send(STOP)
            self._take_reports(number, ours)
            process.join()
            with self._lock:
                del self._connections[number]
            ours.close()
            self._assembly.end(number)
            if not self._stop.is_set():
                logger.error(
                    "worker %d has died (%s): another one starts", number, process.exitcode
                )
                self._stop.wait(RESTART_SECONDS)

    def _take_reports(self, number: int, reports: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._assembly.report(number, reports.recv())


def _address(name: tuple[str, int]) -> tuple[str, int]:
    return name[0], name[1]
