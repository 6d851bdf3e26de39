"""The loop takes snapshots: one every interval, and one at once when the membership changed."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, Self

from stats_gateway.sender.handle import StatsHandle
from stats_gateway.sender.snapshots import Snapshot
from stats_gateway.sender.wire import Outgoing

logger = logging.getLogger(__name__)

# Seconds between two snapshots at least: a thousand miners that come back together are a few
# snapshots, not a thousand.
MIN_GAP = 1.0


class Tracker(Protocol):
    """What the loop needs of a tracker."""

    changed: threading.Event

    def snapshot(self, now: float) -> Snapshot:
        """Return everything the tracker has at `now`, in unix seconds."""


class SnapshotLoop:
    """Gives a tracker's snapshots to one handle or several, on a daemon thread of its own.

    The first goes out at once, the next ones every `handle.interval` seconds (the shortest one of
    several), or `gap` seconds after the last one when the membership changed. Each handle has a
    connection, a thread and a backoff of its own, so that a gateway that is down delays no other;
    a snapshot is encoded once for all of them. One loop a tracker.
    """

    def __init__(
        self,
        tracker: Tracker,
        handle: StatsHandle,
        *others: StatsHandle,
        gap: float = MIN_GAP,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracker = tracker
        self._handles = (handle, *others)
        self._interval = min(one.interval for one in self._handles)
        self._gap = gap
        self._clock = clock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stats-snapshots", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 2.0) -> None:
        """Take no more snapshots. Idempotent."""
        self._closing.set()
        self._tracker.changed.set()
        self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            # Cleared first: a change while the snapshot is taken asks for another one.
            self._tracker.changed.clear()
            if self._closing.is_set():
                return
            started = time.monotonic()
            try:
                outgoing = Outgoing(self._tracker.snapshot(self._clock()))
                for handle in self._handles:
                    handle.send(outgoing)
            except Exception:
                logger.exception("no snapshot this time")
            elapsed = time.monotonic() - started
            self._tracker.changed.wait(max(self._interval - elapsed, self._gap))
            self._closing.wait(self._gap - (time.monotonic() - started))
