"""What the trackers of a translator and of a pool have in common: rows that come, work and go."""

import math
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

from stats_gateway.sender.snapshots import DownstreamInfo
from stats_gateway.sender.trackers.hashrate import HashrateWindow

__all__ = ["MAX_NAME_BYTES", "Downstream", "Downstreams", "shown"]

# The gateway cuts names here too. A miner chooses its name, and must not choose our memory.
MAX_NAME_BYTES = 128

_U32 = 2**32


def shown(name: str) -> str:
    """Cut a name to `MAX_NAME_BYTES` of valid UTF-8; lone surrogates become `?`."""
    return name.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")


class Downstream:
    """One row. Its own lock guards its numbers: a share waits for no other row's copy."""

    __slots__ = (
        "address",
        "connected_at",
        "downstream_id",
        "last_share_at",
        "lock",
        "shares_rejected",
        "shares_submitted",
        "window",
        "work",
    )

    def __init__(self, downstream_id: int, address: str | None, now: float) -> None:
        if not 0 <= downstream_id < _U32:
            raise ValueError(f"downstream_id {downstream_id} is not an unsigned 32-bit number")
        self.lock = threading.Lock()
        self.downstream_id = downstream_id
        self.address = address
        self.connected_at = now
        self.shares_submitted = 0
        self.shares_rejected = 0
        self.work = 0.0
        self.last_share_at: int | None = None
        self.window = HashrateWindow(now)

    def share_accepted(self, difficulty: float, now: float) -> None:
        self.shares_submitted += 1
        self.work += difficulty
        self.last_share_at = int(now)
        self.window.add(difficulty, now)

    def info(self, now: float) -> DownstreamInfo:
        return {
            "downstream_id": self.downstream_id,
            "address": self.address,
            "hashrate": self.window.hashrate(now),
            "shares_submitted": self.shares_submitted,
            "shares_rejected": self.shares_rejected,
            "work": self.work,
            "connected_at": int(self.connected_at),
            "last_share_at": self.last_share_at,
        }


Row = TypeVar("Row", bound=Downstream)


class Downstreams(Generic[Row]):
    """The rows of one sender, by downstream_id; every method may be called from any thread.

    `now` is in unix seconds everywhere. An event for a downstream that is not there, or with a
    number that is none, is counted and ignored: nothing here raises into the path of a share.
    """

    def __init__(self, *, redact_ip: bool = False) -> None:
        self.changed = threading.Event()
        """Set when a row came, went or was renamed; the snapshot loop waits for it."""
        self._redact_ip = redact_ip
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._unknown = 0
        self._invalid = 0

    @property
    def unknown_downstreams(self) -> int:
        """Events ignored because their downstream is not connected."""
        with self._lock:
            return self._unknown

    @property
    def invalid_values(self) -> int:
        """Events ignored because a number in them was negative, infinite or NaN."""
        with self._lock:
            return self._invalid

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)

    def share_accepted(self, downstream_id: int, difficulty: float, now: float) -> None:
        """Count a share of `difficulty`, that of the target it had to meet."""
        if self._valid(difficulty):
            self._update(downstream_id, lambda row: row.share_accepted(difficulty, now))

    def share_rejected(self, downstream_id: int) -> None:
        """Count a share that was refused; it adds no work."""

        def reject(row: Row) -> None:
            row.shares_rejected += 1

        self._update(downstream_id, reject)

    def disconnect(self, downstream_id: int) -> None:
        """Forget a downstream."""
        with self._lock:
            if self._rows.pop(downstream_id, None) is None:
                self._unknown += 1
                return
        self.changed.set()

    def clear(self) -> None:
        """Forget every downstream.

        Call it when the upstream connection is lost or replaced and the downstreams are dropped
        with it: rows that nobody removes stay in every snapshot as ghosts.
        """
        with self._lock:
            self._rows.clear()
        self.changed.set()

    def _add(self, row: Row) -> None:
        with self._lock:
            self._rows[row.downstream_id] = row
        self.changed.set()

    def _address(self, address: str | None) -> str | None:
        return None if self._redact_ip else address

    def _valid(self, value: float) -> bool:
        if math.isfinite(value) and value >= 0:
            return True
        with self._lock:
            self._invalid += 1
        return False

    def _update(self, downstream_id: int, change: Callable[[Row], None]) -> None:
        with self._lock:
            row = self._rows.get(downstream_id)
            if row is None:
                self._unknown += 1
                return
        with row.lock:
            change(row)

    def _sorted(self) -> list[Row]:
        """Return the rows of this moment, by downstream_id."""
        with self._lock:
            rows = list(self._rows.values())
        return sorted(rows, key=attrgetter("downstream_id"))
