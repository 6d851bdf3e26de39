"""Hashrate and work from the share windows that the Rust services send.

A window is a sum over a sliding stretch of time, for example: 5 shares with difficulties of 100.5
together in the last 60 seconds. A share of difficulty 1 takes 2^32 hashes on average, so that
hashrate is 100.5 * 2^32 / 60. Windows overlap from line to line and cannot be added up. So work
grows by the part of a window that is new, which is found in one of two ways:

- A translator counts each share once. Work grows by the new shares times their mean difficulty in
  the window: with 3 shares more than before by 3 * 100.5 / 5.
- A pool counts a share twice that made a quote. Its count says nothing, and work grows by the part
  of the window that is new by time: 10 seconds after the window before by 100.5 * 10 / 60.

Times are those of arrival, which add up: a line that came 5 seconds late makes the next one come 5
seconds early.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeVar

from stats_gateway.clock import Now
from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_NAME_BYTES, MAX_TEXT_BYTES
from stats_gateway.rows.rows import (
    IDLE_SECONDS,
    NO_CHANNELS,
    ConnectionRows,
    ConnectionType,
    MinerRows,
)
from stats_gateway.rows.text import clean, known_address
from stats_gateway.rows.unknown import Unknown
from stats_gateway.wire.hashpool import WindowRow
from stats_gateway.wire.messages import check_u64

HASHES_PER_DIFFICULTY = 2.0**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One downstream's window, and the work counted since this service first saw it."""

    name: str
    address: str | None
    shares: int
    hashrate: float | None
    mean_difficulty: float
    work: float
    received: float
    """Monotonic."""
    quiet_since: float
    """Monotonic: when the count was last seen to grow, else when the session was first seen."""

    @property
    def is_idle(self) -> bool:
        """Whether it has no hashrate and has had no new share for `IDLE_SECONDS`."""
        return not self.hashrate and self.received - self.quiet_since >= IDLE_SECONDS


def windows(
    batches: Iterable[Sequence[WindowRow]],
    previous: Mapping[int, Window],
    now: Now,
    *,
    counts_quotes_twice: bool,
) -> dict[int, Window]:
    """The `Window` of each row by `downstream_id`, in ascending order.

    `previous` are the windows of the line before. Raises `MessageRefused` where two rows have the
    same `downstream_id`.
    """
    found: dict[int, Window] = {}
    count = 0
    for batch in batches:
        count += len(batch)
        for row in batch:
            check_u64((row.shares_lifetime, row.shares_in_window, row.window_seconds))
            before = previous.get(row.downstream_id)
            found[row.downstream_id] = _window(row, before, now, by_time=counts_quotes_twice)
        if len(found) < count:
            raise MessageRefused(Reason.DUPLICATE_DOWNSTREAM, "two rows have one downstream_id")
    return dict(sorted(found.items()))


def _window(row: WindowRow, before: Window | None, now: Now, *, by_time: bool) -> Window:
    total = row.sum_difficulty_in_window
    if total is not None:
        # A sum of nothing may be -0.0.
        total = total + 0.0 if isfinite(total) and total >= 0 else None
    if before is not None and row.shares_lifetime < before.shares:
        before = None
    mean = 0.0 if before is None else before.mean_difficulty
    if total is not None and row.shares_in_window:
        mean = total / row.shares_in_window
    work, quiet_since, received = 0.0, now.monotonic, now.monotonic
    if before is not None:
        # Lines of two connections may be taken in in another order than that of their arrival.
        received = max(received, before.received)
        new_shares = row.shares_lifetime - before.shares
        new_part = _part(total, received - before.received, row.window_seconds)
        work = before.work + (new_part if by_time else new_shares * mean)
        quiet_since = now.monotonic if new_shares else before.quiet_since
    return Window(
        name=clean(row.name, MAX_NAME_BYTES),
        address=known_address(clean(row.address, MAX_TEXT_BYTES) if row.address else None),
        shares=row.shares_lifetime,
        hashrate=_hashrate(total, row.window_seconds),
        mean_difficulty=mean,
        work=work,
        received=received,
        quiet_since=quiet_since,
    )


def _part(total: float | None, elapsed: float, seconds: int) -> float:
    """The part of `total` that came in the last `elapsed` of a window's `seconds`."""
    if total is None or seconds == 0:
        return 0.0
    return total * (min(elapsed, seconds) / seconds)


def _hashrate(total: float | None, seconds: int) -> float | None:
    if total is None or seconds == 0:
        return None
    hashrate = total * HASHES_PER_DIFFICULTY / seconds
    return hashrate if isfinite(hashrate) else None


R = TypeVar("R", MinerRows, ConnectionRows)


def with_windows(rows: R, by_id: Mapping[int, Window]) -> R:
    """`rows` with the hashrate and the work of their windows; windows without a row are left out.

    The two lines of a producer arrive some milliseconds apart. When the producer restarts between
    them, an id may belong to another miner, so a row that has a name takes only a window with the
    same name.
    """
    found = [
        window if (window := by_id.get(id_)) and name in (None, window.name) else None
        for id_, name in zip(rows.downstream_id, rows.name, strict=True)
    ]
    return replace(
        rows,
        hashrate=[
            old if window is None or window.hashrate is None else window.hashrate
            for window, old in zip(found, rows.hashrate, strict=True)
        ],
        work=[
            old if window is None else window.work
            for window, old in zip(found, rows.work, strict=True)
        ],
    )


def miners_of(by_id: Mapping[int, Window]) -> MinerRows:
    """The miners of a translator, as far as windows alone tell."""
    columns = list(by_id.values())
    unknown = Unknown(len(columns))
    return MinerRows(
        downstream_id=list(by_id),
        name=[window.name for window in columns],
        address=[window.address for window in columns],
        hashrate=[window.hashrate for window in columns],
        shares_submitted=[window.shares for window in columns],
        shares_rejected=unknown,
        shares_rejected_by={},
        work=[window.work for window in columns],
        connected_at=unknown,
        last_share_at=unknown,
        agent=unknown,
        difficulty=unknown,
        device_hashrate=unknown,
        device_power=unknown,
        device_temperature=unknown,
        idle=frozenset(id_ for id_, window in by_id.items() if window.is_idle),
    )


def connections_of(by_id: Mapping[int, Window]) -> ConnectionRows:
    """The connections of a pool, as far as windows alone tell: pools send them for translators."""
    rows = miners_of(by_id)
    unknown = Unknown(len(rows))
    return ConnectionRows(
        downstream_id=rows.downstream_id,
        name=rows.name,
        address=rows.address,
        hashrate=rows.hashrate,
        shares_submitted=rows.shares_submitted,
        shares_rejected=unknown,
        shares_rejected_by={},
        work=rows.work,
        connected_at=unknown,
        last_share_at=unknown,
        agent=unknown,
        connection_type=[ConnectionType.TRANSLATOR] * len(rows),
        channels=[NO_CHANNELS] * len(rows),
        quotes_created=unknown,
        ehash_mined=unknown,
        work_selection=unknown,
    )
