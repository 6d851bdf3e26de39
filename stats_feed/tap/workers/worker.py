"""This module is one worker: a process that passes bytes on, and reports what it has counted."""

import contextlib
import copy
import logging
import signal
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue

from stats_feed.program.logs import configure_logging
from stats_feed.tap.books.counts import Counts
from stats_feed.tap.loops import run as run_loop
from stats_feed.tap.options import TapOptions
from stats_feed.tap.setting_up import listening, pass_on, prepare_process
from stats_feed.tap.workers.assembly import Part
from stats_gateway.sender import MinerTracker

logger = logging.getLogger(__name__)

IDS = 1024
"""Rows of the n-th worker that was started have the numbers n, n + 1024, n + 2048, ..., so that no
two workers number a row alike. An unsigned 32-bit number has room for four million of each."""

REPORT_GAP = 0.5
"""Seconds between two reports at least."""

STOP = "stop"
"""Is written to a worker that is to drain and end."""


def work(options: TapOptions, number: int, reports: Connection) -> None:
    """Run as a process of its own, until told to stop, or until a signal or the parent's end."""
    configure_logging(options.common.log_level, options.common.log_format)
    options = prepare_process(options)
    tracker, counts = MinerTracker(redact_ip=options.redact_ip), Counts()
    reporter = _Reporter(tracker, counts, reports, options.common.interval / 2)
    orders = _Orders(reports)
    with contextlib.ExitStack() as stack:
        listeners = [
            stack.enter_context(listening(options, *one, shared=True)) for one in options.listen
        ]

        def drain() -> float:
            return float("inf") if orders.is_orphaned else options.drain

        ids = {"first_id": number % IDS + 1, "step": IDS}
        run_loop(pass_on(options, tracker, counts, listeners, orders.stop, drain=drain, **ids))
    reporter.close()


class _Orders:
    """What a worker is told: by its parent, by the parent's end, and by SIGTERM."""

    def __init__(self, reports: Connection) -> None:
        self.stop = threading.Event()
        self.is_orphaned = False
        """Whether nobody sends any more: the miners that are here go on mining all the same."""
        self._reports = reports
        # A handler may find any lock taken: this queue is made for handlers.
        self._signals: SimpleQueue[int] = SimpleQueue()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent has it too
        signal.signal(signal.SIGTERM, lambda number, _: self._signals.put(number))
        for wait in (self._wait_for_parent, self._wait_for_signal):
            threading.Thread(target=wait, daemon=True).start()

    def _wait_for_parent(self) -> None:
        try:
            while self._reports.recv() != STOP:
                pass
        except (EOFError, OSError):
            logger.error("nobody sends any more: passing on until the last miner has left")  # noqa: TRY400 - the text says it all
            self.is_orphaned = not self.stop.is_set()
        self.stop.set()

    def _wait_for_signal(self) -> None:
        self._signals.get()
        self.is_orphaned = False
        self.stop.set()


class _Reporter:
    """Reports twice an interval, and soon after a change, on a thread of its own."""

    def __init__(
        self, tracker: MinerTracker, counts: Counts, reports: Connection, every: float
    ) -> None:
        self._tracker = tracker
        self._counts = counts
        self._reports = reports
        self._every = every
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Report a last time."""
        self._closing.set()
        self._tracker.changed.set()
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the parent is gone
            while not self._closing.is_set():
                self._report()
                self._tracker.changed.wait(self._every)
                self._closing.wait(REPORT_GAP)
            self._report()

    def _report(self) -> None:
        self._tracker.changed.clear()
        snapshot = self._tracker.snapshot(time.time())
        self._reports.send(Part(snapshot=snapshot, counts=copy.deepcopy(self._counts)))
