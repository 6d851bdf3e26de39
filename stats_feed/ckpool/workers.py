"""This module makes what ckpool's files say the snapshots of its workers."""

import zlib
from collections.abc import Iterable, Mapping

from stats_feed.ckpool.files import PoolStatus, Worker
from stats_gateway.sender import MinerInfo, MinerSnapshot


class Workers:
    """The workers of one ckpool, reading after reading.

    A worker is there while its last share is younger than `idle` seconds; ckpool tells neither a
    connection nor its end.
    """

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._ids: dict[str, int] = {}
        self._taken: set[int] = set()
        self._pool_work: float | None = None
        self._total_work = 0.0

    def snapshot(
        self, status: PoolStatus, users: Mapping[str, Iterable[Worker]], now: float
    ) -> MinerSnapshot:
        """Return the workers that are there at `now`, in unix seconds."""
        listed = {worker.name: worker for workers in users.values() for worker in workers}
        self._forget(self._ids.keys() - listed.keys())
        present = [worker for worker in listed.values() if self._is_here(worker, now)]
        snapshot: MinerSnapshot = {
            "miners": [self._row(worker) for worker in present],
            "timestamp": int(now),
        }
        if status.work is not None:
            self._count(status.work)
            snapshot["totals"] = {"work": self._total_work}
        return snapshot

    def _is_here(self, worker: Worker, now: float) -> bool:
        return worker.last_share_at is not None and now - worker.last_share_at < self._idle

    def _row(self, worker: Worker) -> MinerInfo:
        return {
            "downstream_id": self._id(worker.name),
            "name": worker.name,
            "address": None,
            "hashrate": worker.hashrate,
            "shares_submitted": None,
            "work": worker.work,
            "connected_at": None,
            "last_share_at": worker.last_share_at,
        }

    def _id(self, name: str) -> int:
        """Return a number that stays the same when this feed is restarted, almost always."""
        if name not in self._ids:
            number = zlib.crc32(name.encode("utf-8", "replace"))
            while number in self._taken:
                number = (number + 1) % 2**32
            self._ids[name] = number
            self._taken.add(number)
        return self._ids[name]

    def _forget(self, names: set[str]) -> None:
        for name in names:
            self._taken.discard(self._ids.pop(name))

    def _count(self, work: float) -> None:
        """Add to the total; ckpool begins its own at 0 again with each block it finds."""
        before = self._pool_work
        self._total_work += work if before is None or work < before else work - before
        self._pool_work = work
