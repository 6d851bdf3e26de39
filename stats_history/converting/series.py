"""This module makes the hashrate, shares and work of one downstream over time from its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from stats_history.converting.sessions import Session, last_of_each_second, split
from stats_history.converting.totals import SILENCE_SECONDS
from stats_history.reading.old_schema import OldRow

HASHES_PER_DIFFICULTY = 2.0**32
"""The expected number of hashes that one share of difficulty 1 takes."""

Growth: TypeAlias = Callable[[Session, OldRow], float]
"""How much difficulty a row adds to the work of its session."""


class Point(NamedTuple):
    """The values of a downstream at one second; an unknown value is None, never 0.

    `hashrate` in hashes per second, `shares` and `work` (in hashes) since its session began;
    `connected` and `last_share` in unix seconds. `new_minute` says that no earlier point lies in
    the same minute: values that hardly ever change are written once a minute.
    """

    timestamp: int
    hashrate: float | None
    shares: int | None = None
    work: float | None = None
    connected: int | None = None
    last_share: int | None = None
    new_minute: bool = True


def points(rows: Iterable[OldRow], session: Session, growth: Growth) -> Iterator[Point]:
    """The points of one downstream_id; `session` is moved on to the newest of its sessions.

    Rows come in time order, as read; `session` is what the rows before them led to.
    """
    newest = session
    for newest, row in split(last_of_each_second(rows), session):
        work: float | None = None
        newest.see(row)
        if row.lifetime is not None:
            newest.work += growth(newest, row)
            newest.shares = row.lifetime
            work = newest.work * HASHES_PER_DIFFICULTY
        told = row.timestamp, row.hashrate, row.lifetime, work, newest.connected, newest.last_share
        yield Point(*told, _is_new_minute(newest.timestamp, row.timestamp))
        newest.timestamp = row.timestamp
    session.become(newest)


def held(rows: Iterable[Point], moments: Sequence[int]) -> Iterator[Point]:
    """The newest of `rows` at each of `moments`, while that row is not older than SILENCE_SECONDS.

    For the event era, whose downstreams told their hashrates at different times: the recording
    rules take an average over scrapes, and a scrape sees all downstreams at one moment.
    """
    waiting = iter(rows)
    following = next(waiting, None)
    newest: Point | None = None
    before: int | None = None
    for moment in moments:
        while following is not None and following.timestamp <= moment:
            newest, following = following, next(waiting, None)
        if newest is not None and newest.timestamp > moment - SILENCE_SECONDS:
            yield newest._replace(timestamp=moment, new_minute=_is_new_minute(before, moment))
            before = moment
    for _ in waiting:
        pass  # The rows after the last moment count as read, too.


def new_minutes(moments: Iterable[int]) -> Iterator[int]:
    """The first of `moments`, which are in time order, in each minute."""
    before: int | None = None
    for moment in moments:
        if _is_new_minute(before, moment):
            yield moment
        before = moment


def _is_new_minute(before: int | None, now: int) -> bool:
    return before is None or before // 60 != now // 60


def share_growth(session: Session, row: OldRow) -> float:
    """The number of new shares times the mean difficulty of the window.

    Windows of 60 s were stored every 5 to 15 s: their sums overlap, share counts do not. An empty
    window says nothing of difficulty; the mean before it then stands for the new shares.
    """
    if row.shares and row.difficulty is not None:
        session.mean = row.difficulty / row.shares
    new = (row.lifetime or 0) - session.shares
    return new * session.mean


def window_growth(session: Session, row: OldRow) -> float:
    """The part of the window's difficulty that lies after the row before.

    For pools: they counted a share that made a quote twice in the lifetime count, but once in the
    window. A share is seen by `window / elapsed` rows, so each of them adds that fraction of it.
    """
    if row.difficulty is None or not row.window:
        return 0.0
    if session.timestamp is None:
        return row.difficulty
    elapsed = row.timestamp - session.timestamp
    return row.difficulty * min(elapsed / row.window, 1.0)
