"""This module reads a feed's source again and again, and hands on what the reading says.

One thread for each source. A source that cannot be read is tried again with growing pauses, and
nothing is sent meanwhile, so that the gateway sees it expire.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import SystemRandom
from typing import Protocol

from stats_feed.health import SourceHealth
from stats_feed.program.stopping import wait_until_set
from stats_gateway.sender import Outgoing, Snapshot, StatsHandle

logger = logging.getLogger(__name__)

JOIN_SECONDS = 2.0
"""How long a reading that is under way may take to end when the program stops."""

MAX_PAUSE = 30.0
"""Seconds between two attempts to read a source that is away, unless its interval is longer."""


class Failure(Enum):
    """Why a reading failed; the value is its name in the feed's metrics."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    STATUS = "status"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    RESTARTED = "restarted"
    """The program was restarted while it was read, so that its lists do not belong together."""
    STALE = "stale"
    """What is read has not been written anew for too long."""
    UNEXPECTED = "unexpected"
    """An error of this program."""


class ReadError(Exception):
    """This reading failed; the next one may succeed."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


class WrongSourceError(Exception):
    """What is there is nothing that this feed can read, so trying again is no use."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A snapshot and the handles it goes to."""

    snapshot: Snapshot
    handles: Sequence[StatsHandle]


class Source(Protocol):
    """What is read, and which snapshots it makes."""

    interval: float

    def read(self) -> Sequence[Delivery]:
        """Read once; return the snapshots.

        Raises ReadError or WrongSourceError.
        """


def poll_all(sources: Sequence[tuple[Source, SourceHealth]], stop: threading.Event) -> None:
    """Poll each source until `stop` is set. Raises the first WrongSourceError of them."""
    wrong: list[WrongSourceError] = []

    def failed(error: WrongSourceError) -> None:
        wrong.append(error)
        stop.set()

    pollers = [Poller(source, health, stop, failed) for source, health in sources]
    wait_until_set(stop)
    for poller in pollers:
        poller.join(JOIN_SECONDS)
    if wrong:
        raise wrong[0]


class Poller:
    """Reads a source until `stop` is set. `failed` is told of a WrongSourceError, which ends it."""

    def __init__(
        self,
        source: Source,
        health: SourceHealth,
        stop: threading.Event,
        failed: Callable[[WrongSourceError], None],
    ) -> None:
        self._source = source
        self._health = health
        self._stop = stop
        self._failed = failed
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"poll-{health.source}", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                self._poll(began)
            except WrongSourceError as error:
                # Once the source was right, this is a program that is being replaced.
                if not self._health.has_succeeded:
                    self._failed(error)
                    return
                self._note(ReadError(Failure.STATUS, str(error)))
            except ReadError as error:
                self._note(error)
            except Exception as error:
                logger.exception("%s: this reading failed", self._health.source)
                self._note(ReadError(Failure.UNEXPECTED, repr(error)))
            pause = self._pause(time.monotonic() - began)

    def _poll(self, began: float) -> None:
        for delivery in self._source.read():
            outgoing = Outgoing(delivery.snapshot)
            for handle in delivery.handles:
                handle.send(outgoing)
        if self._failures:
            logger.info("%s: read again, failed readings: %d", self._health.source, self._failures)
        self._failures = 0
        self._health.succeeded(time.time(), time.monotonic() - began)

    def _note(self, error: ReadError) -> None:
        self._failures += 1
        self._health.failed(error.failure.value)
        if self._failures == 1:
            logger.warning(
                "%s: %s; trying again, and sending nothing meanwhile", self._health.source, error
            )

    def _pause(self, elapsed: float) -> float:
        interval = self._source.interval
        if not self._failures:
            return max(interval - elapsed, 0.1 * interval)
        ceiling = min(interval * 2.0 ** min(self._failures - 1, 10), max(MAX_PAUSE, interval))
        # From half of it on at least: several feeds of one program do not come back together.
        return SystemRandom().uniform(ceiling / 2, ceiling)
