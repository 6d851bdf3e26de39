"""This module is `stats-feed ckpool`: it reads the status files and sends what they say."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from stats_feed.ckpool.files import StatusFiles
from stats_feed.ckpool.options import CkpoolOptions
from stats_feed.ckpool.workers import Workers
from stats_feed.gateways import Gateways, Service
from stats_feed.health import Health, SourceHealth
from stats_feed.polling import Delivery, Failure, ReadError, poll_all
from stats_gateway.sender import MinerSnapshot

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 300.0
"""ckpool writes its status each minute: when it is older than five, ckpool is not running."""


def check(options: CkpoolOptions) -> None:
    """Raises WrongSourceError where the directory is not ckpool's."""
    StatusFiles(options.log_dir).check()


def run(options: CkpoolOptions, gateways: Gateways, health: Health, stop: threading.Event) -> None:
    """Read and send until `stop` is set. Raises WrongSourceError."""
    source_health = health.add_source(options.source)
    poll_all([(CkpoolSource(options, gateways, source_health), source_health)], stop)


class CkpoolSource:
    """The status files of one ckpool, read again and again."""

    def __init__(
        self,
        options: CkpoolOptions,
        gateways: Gateways,
        health: SourceHealth,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.interval = options.common.interval
        self._clock = clock
        self._health = health
        self._files = StatusFiles(options.log_dir)
        self._workers = Workers(options.idle)
        self._before: MinerSnapshot | None = None
        addresses = gateways.addresses(Service.PROXY, options.to)
        self._handles = gateways.open(addresses, source=options.source, interval=self.interval)

    def read(self) -> Sequence[Delivery]:
        """Read the files once and return their snapshot. Raises ReadError, WrongSourceError."""
        status, users = self._files.read()
        now = self._clock()
        if status.updated_at is not None and now - status.updated_at > MAX_AGE_SECONDS:
            raise ReadError(
                Failure.STALE,
                f"ckpool has not written its status for {now - status.updated_at:.0f} s",
            )
        snapshot = self._workers.snapshot(status, users, now)
        self._note(snapshot, now)
        return [Delivery(snapshot, self._handles)]

    def _note(self, snapshot: MinerSnapshot, now: float) -> None:
        rows, before = snapshot["miners"], self._before
        self._health.rows = len(rows)
        if before is None:
            logger.info("%d workers: work is exact, shares and rejects are unknown", len(rows))
        if before is None or rows != before["miners"]:
            self._health.last_change = now
        self._before = snapshot
