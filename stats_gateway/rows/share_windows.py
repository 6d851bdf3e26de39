"""Share windows of the Rust services: hashrate and work from a sliding window's sums.

Hashrate is the sum of difficulties times 2^32 over the window: a share of difficulty 1 takes 2^32
hashes on average. Windows overlap from line to line, so they cannot be added up; work grows by the
new shares (the difference of the lifetime counts) times the window's mean difficulty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeVar

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_NAME_BYTES, MAX_TEXT_BYTES
from stats_gateway.rows.rows import ConnectionRows, ConnectionType, MinerRows
from stats_gateway.rows.text import clean, known_address
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


def windows(rows: list[WindowRow], previous: Mapping[int, Window]) -> dict[int, Window]:
    """Each row's `Window` by `downstream_id`, in order.

    Raises `MessageRefused` where two rows have one `downstream_id`.
    """
    for row in rows:
        check_u64((row.shares_lifetime, row.shares_in_window, row.window_seconds))
    result = {
        row.downstream_id: _window(row, previous.get(row.downstream_id))
        for row in sorted(rows, key=lambda row: row.downstream_id)
    }
    if len(result) < len(rows):
        raise MessageRefused(Reason.DUPLICATE_DOWNSTREAM, "two rows have one downstream_id")
    return result


def _window(row: WindowRow, before: Window | None) -> Window:
    total = row.sum_difficulty_in_window
    if total is not None and not (isfinite(total) and total >= 0):
        total = None
    mean = total / row.shares_in_window if total is not None and row.shares_in_window else None
    if before is not None and row.shares_lifetime >= before.shares:
        mean = before.mean_difficulty if mean is None else mean
        work = before.work + (row.shares_lifetime - before.shares) * mean
    else:
        work = 0.0
    return Window(
        name=clean(row.name, MAX_NAME_BYTES),
        address=known_address(clean(row.address, MAX_TEXT_BYTES) if row.address else None),
        shares=row.shares_lifetime,
        hashrate=_hashrate(total, row.window_seconds),
        mean_difficulty=mean or 0.0,
        work=work,
    )


def _hashrate(total: float | None, seconds: int) -> float | None:
    if total is None or seconds == 0:
        return None
    hashrate = total * HASHES_PER_DIFFICULTY / seconds
    return hashrate if isfinite(hashrate) else None


Rows = TypeVar("Rows", MinerRows, ConnectionRows)


def with_windows(rows: Rows, by_id: Mapping[int, Window]) -> Rows:
    """`rows` with hashrate and work of their windows; the rows say who is there.

    The two lines of a producer come apart by milliseconds. Between those of one that restarted an
    id may be another miner's, so a row that has a name takes only a window of that name.
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
    """A translator's miners as far as windows alone tell."""
    columns = list(by_id.values())
    unknown = [None] * len(columns)
    return MinerRows(
        downstream_id=list(by_id),
        name=[window.name for window in columns],
        address=[window.address for window in columns],
        hashrate=[window.hashrate for window in columns],
        shares_submitted=[window.shares for window in columns],
        shares_rejected=unknown,
        work=[window.work for window in columns],
        connected_at=unknown,
        last_share_at=unknown,
        idle=frozenset(),
    )


def connections_of(by_id: Mapping[int, Window]) -> ConnectionRows:
    """A pool's connections as far as windows alone tell: the pool sends them for translators."""
    rows = miners_of(by_id)
    unknown = [None] * len(rows)
    return ConnectionRows(
        downstream_id=rows.downstream_id,
        name=rows.name,
        address=rows.address,
        hashrate=rows.hashrate,
        shares_submitted=rows.shares_submitted,
        shares_rejected=unknown,
        work=rows.work,
        connected_at=unknown,
        last_share_at=unknown,
        connection_type=[ConnectionType.TRANSLATOR] * len(rows),
        channels=[()] * len(rows),
        quotes_created=unknown,
        ehash_mined=unknown,
        work_selection=unknown,
    )
