"""This module makes one snapshot of the parts that workers report.

What a worker has counted stays in the totals when it is gone; its rows go with its connections.
"""

import threading
from dataclasses import dataclass

from stats_feed.tap.books.counts import Counts
from stats_gateway.sender import MinerInfo, MinerSnapshot, Totals, UpstreamInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one worker has at one moment."""

    snapshot: MinerSnapshot
    counts: Counts


class Assembly:
    """The newest part of each worker. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        """Set when a row came or went; the snapshot loop waits for it."""
        self._lock = threading.Lock()
        self._parts: dict[int, Part] = {}
        self._ended_totals = _no_totals()
        self._ended_counts = Counts()
        self._upstream: UpstreamInfo | None = None

    def report(self, worker: int, part: Part) -> None:
        """Replace a worker's part."""
        with self._lock:
            before = self._parts.get(worker)
            self._parts[worker] = part
            self._upstream = part.snapshot.get("upstream", self._upstream)
        if before is None or _ids(before) != _ids(part):
            self.changed.set()

    def end(self, worker: int) -> None:
        """Let a worker's rows go, and keep what it has counted."""
        with self._lock:
            part = self._parts.pop(worker, None)
            if part is None:
                return
            self._ended_totals = _sum(self._ended_totals, part.snapshot["totals"])
            part.counts.end()
            self._ended_counts.add(part.counts)
        self.changed.set()

    def snapshot(self, now: float) -> MinerSnapshot:
        """Return everything that all workers have, sorted by downstream_id."""
        with self._lock:
            parts = list(self._parts.values())
            totals, upstream = self._ended_totals, self._upstream
        for part in parts:
            totals = _sum(totals, part.snapshot["totals"])
        miners: list[MinerInfo] = [row for part in parts for row in part.snapshot["miners"]]
        miners.sort(key=lambda row: row["downstream_id"])
        snapshot: MinerSnapshot = {"miners": miners, "timestamp": int(now), "totals": totals}
        if upstream is not None:
            snapshot["upstream"] = upstream
        return snapshot

    def counts(self) -> Counts:
        """Return what all workers together have counted."""
        sums = Counts()
        with self._lock:
            sums.add(self._ended_counts)
            for part in self._parts.values():
                sums.add(part.counts)
        return sums


def _ids(part: Part) -> list[int]:
    return [row["downstream_id"] for row in part.snapshot["miners"]]


def _no_totals() -> Totals:
    return {"shares_submitted": 0, "shares_rejected": 0, "shares_rejected_by": {}, "work": 0.0}


def _sum(one: Totals, other: Totals) -> Totals:
    mine, its = one["shares_rejected_by"], other["shares_rejected_by"]
    return {
        "shares_submitted": one["shares_submitted"] + other["shares_submitted"],
        "shares_rejected": one["shares_rejected"] + other["shares_rejected"],
        "shares_rejected_by": {key: mine.get(key, 0) + its.get(key, 0) for key in {**mine, **its}},
        "work": one["work"] + other["work"],
    }
