"""The trackers of a translator and of a pool share these rows, which come, work and go."""

import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

from stats_gateway.sender.snapshots import DownstreamInfo, RejectReason, Totals
from stats_gateway.sender.trackers.counts import ShareCounts
from stats_gateway.sender.trackers.hashrate import HashrateWindow
from stats_gateway.sender.trackers.numbers import U32, is_count, is_number, is_time

MAX_NAME_BYTES = 128
"""The gateway cuts names here too. A miner chooses its name, and must not choose our memory."""


def shown(name: str) -> str:
    """Cut a name to `MAX_NAME_BYTES` of valid UTF-8; lone surrogates become `?`."""
    return name.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")


class Downstream:
    """One row. Its own lock guards its numbers: a share waits for no other row's copy."""

    __slots__ = (
        "address",
        "agent",
        "connected_at",
        "counts",
        "downstream_id",
        "last_share_at",
        "lock",
        "window",
    )

    def __init__(
        self, downstream_id: int, address: str | None, now: float | None, agent: str | None
    ) -> None:
        if not is_count(downstream_id, U32):
            raise ValueError(f"downstream_id {downstream_id} is not an unsigned 32-bit number")
        if now is not None and not is_time(now):
            raise ValueError(f"{now} is no time in unix seconds")
        self.lock = threading.Lock()
        self.downstream_id = downstream_id
        self.address = address
        self.agent = None if agent is None else shown(agent)
        self.connected_at = None if now is None else int(now)
        self.counts = ShareCounts()
        self.last_share_at: int | None = None
        self.window = None if now is None else HashrateWindow(now)

    def share_accepted(self, difficulty: float, now: float) -> None:
        self.counts.accept(difficulty)
        self.last_share_at = int(now)
        if self.window is None:  # since when it has been connected is not known
            self.window = HashrateWindow(now)
        self.window.add(difficulty, now)

    def info(self, now: float) -> DownstreamInfo:
        info: DownstreamInfo = {
            "downstream_id": self.downstream_id,
            "address": self.address,
            "hashrate": None if self.window is None else self.window.hashrate(now),
            "shares_submitted": self.counts.submitted,
            "shares_rejected": self.counts.rejected,
            "work": self.counts.work,
            "connected_at": self.connected_at,
            "last_share_at": self.last_share_at,
        }
        if by_reason := self.counts.rejected_by():
            info["shares_rejected_by"] = by_reason
        if self.agent is not None:
            info["agent"] = self.agent
        return info


Row = TypeVar("Row", bound=Downstream)


class Downstreams(Generic[Row]):
    """The rows of one sender, by downstream_id; every method may be called from any thread.

    `now` is in unix seconds everywhere. An event for a downstream that is not there, or with a
    number that is none, is counted and ignored: nothing here raises into the path of a share.
    With `counts_shares=False` every row's hashrate, shares and work are sent as not known: for a
    program that knows who is connected, but not which downstream a share came from.
    """

    def __init__(self, *, redact_ip: bool = False, counts_shares: bool = True) -> None:
        self.changed = threading.Event()
        """Set when a row came, went or was renamed; the snapshot loop waits for it."""
        self._redact_ip = redact_ip
        self._counts_shares = counts_shares
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._totals = ShareCounts()
        self._unknown = 0
        self._invalid = 0

    @property
    def unknown_downstreams(self) -> int:
        """Events ignored because their downstream is not connected."""
        with self._lock:
            return self._unknown

    @property
    def invalid_values(self) -> int:
        """Events ignored because a value in them was no number, or not one that can be."""
        with self._lock:
            return self._invalid

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)

    def share_accepted(self, downstream_id: int, difficulty: float, now: float) -> None:
        """Count a share of `difficulty`, that of the target it had to meet."""
        if self._valid(is_number(difficulty) and is_time(now)):
            self._update(
                downstream_id,
                lambda row: row.share_accepted(difficulty, now),
                lambda totals: totals.accept(difficulty),
            )

    def share_rejected(
        self, downstream_id: int, reason: RejectReason | str = RejectReason.OTHER
    ) -> None:
        """Count a share that was refused; it adds no work. An unknown reason counts as `OTHER`."""
        known = RejectReason(reason)
        self._update(
            downstream_id,
            lambda row: row.counts.reject(known),
            lambda totals: totals.reject(known),
        )

    def agent(self, downstream_id: int, agent: str) -> None:
        """Set what a downstream says it is, once mining.subscribe has told it."""

        def change(row: Row) -> None:
            row.agent = cut

        cut = shown(agent)
        self._update(downstream_id, change)

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

    def _valid(self, valid: bool) -> bool:  # noqa: FBT001 - the condition that is counted
        if not valid:
            with self._lock:
                self._invalid += 1
        return valid

    def _update(
        self,
        downstream_id: int,
        change: Callable[[Row], None],
        add: Callable[[ShareCounts], None] | None = None,
    ) -> None:
        """Let `change` happen to a row, and `add` to the totals."""
        with self._lock:
            try:
                row = self._rows.get(downstream_id)
            except TypeError:  # what cannot be a key is nobody's id
                row = None
            if row is None:
                self._unknown += 1
                return
            if add is not None:
                add(self._totals)
        with row.lock:
            change(row)

    def _info(self, row: Row, now: float) -> DownstreamInfo:
        """Return what every row holds; the caller has locked `row`."""
        info = row.info(now)
        if not self._counts_shares:
            info["hashrate"] = info["shares_submitted"] = None
            info["shares_rejected"] = info["work"] = None
        return info

    def _totals_after_rows(self) -> Totals | None:
        """Return the totals. Taken after the rows, they are never less than the rows' sums."""
        if not self._counts_shares:
            return None
        with self._lock:
            return self._totals.totals()

    def _sorted(self) -> list[Row]:
        """Return the rows of this moment, by downstream_id."""
        with self._lock:
            rows = list(self._rows.values())
        return sorted(rows, key=attrgetter("downstream_id"))
