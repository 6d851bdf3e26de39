"""This module knows which row of a reading is which row of the reading before.

The programs number their clients from 1 again after a restart and after a fallback to another
upstream. A row gets a number of its own then, so that no miner's counter is taken for another's.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from stats_feed.sri.ledger import KEEP_SECONDS, Sum

MAX_ID = 2**32 - 1

NEW_WITHIN_SECONDS = 45.0
"""A row that was not there at a reading this long ago or less was seen to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a reading began, on the wall clock and on one that never goes back."""

    unix: float
    monotonic: float
    answered: float
    """When the first answer was there, which tells the uptime; on the second clock."""


def seen_to_come(read_before: float | None, now: Moment) -> int | None:
    """Return the time since when a new row is there, in unix seconds, if the feed saw it come."""
    if read_before is None or now.monotonic - read_before > NEW_WITHIN_SECONDS:
        return None
    return int(now.unix)


class ProgramClock:
    """Finds out from its `uptime_secs` whether the program was restarted between two readings.

    The uptime is cut to whole seconds and told at some moment between question and answer, so it
    says that the program started between two moments.
    """

    def __init__(self, feed_started: float) -> None:
        self._feed_started = feed_started
        self._started: tuple[float, float] | None = None
        self._asked = feed_started

    def was_restarted(self, uptime: int | None, now: Moment) -> bool:
        """Take in the uptime of a reading.

        A wall clock that is set lets the uptime leap, too; but only a restart leaves it shorter
        than the time since the last reading.
        """
        if uptime is None:
            return False
        before, asked = self._started, self._asked
        earliest, latest = _started(uptime, now)
        self._started, self._asked = (earliest, latest), now.monotonic
        if before is None:
            return False
        if earliest <= before[1] and latest >= before[0]:
            self._started = max(earliest, before[0]), min(latest, before[1])
        return earliest > before[1] and latest >= asked

    def is_younger_than_feed(self, uptime: int | None, now: Moment) -> bool:
        """Tell whether the program started after this feed did."""
        return uptime is not None and _started(uptime, now)[0] > self._feed_started


def _started(uptime: int, now: Moment) -> tuple[float, float]:
    """Return the moments between which a program started."""
    return now.monotonic - uptime - 1, now.answered - uptime


@dataclass(slots=True, eq=False)
class Session:
    """One row for as long as it lasts."""

    downstream_id: int
    identity: dict[str, str | None]
    """What must stay the same while it is the same session, as far as it is known."""
    first_seen: float
    seen: float
    connected_at: int | None
    """Unix seconds, where the feed saw it come."""
    sum: Sum = field(default_factory=Sum)
    last_share_at: int | None = None


class Sessions:
    """The rows of one program, by the program's own number. Times as in `Ledger`."""

    def __init__(self) -> None:
        self._sessions: dict[Hashable, Session] = {}
        self._taken: set[int] = set()
        self._base = 0
        self._highest = 0

    def forget(self) -> None:
        """Forget every row: from here on the program's numbers stand for others."""
        self._sessions.clear()
        self._taken.clear()
        self._base = self._highest + 1

    def find(
        self,
        key: Hashable,
        identity: dict[str, str | None],
        now: float,
        *,
        number: int | None,
        connected_at: int | None,
    ) -> Session:
        """Return the session of a row, a new one if it is not known or not the same any more.

        `number` is the program's own, kept as far as it can be; `connected_at` is for a new one.
        """
        session = self._sessions.get(key)
        if session is not None and not _differs(session.identity, identity):
            session.identity |= {name: value for name, value in identity.items() if value}
            session.seen = now
            return session
        if session is not None:
            self._taken.discard(session.downstream_id)
            number = None  # its number is the old session's
        session = self._sessions[key] = Session(
            downstream_id=self._number(number),
            identity=dict(identity),
            first_seen=now,
            seen=now,
            connected_at=connected_at,
        )
        return session

    def drop_old(self, now: float) -> None:
        """Forget what was not listed for a while."""
        old = [key for key, one in self._sessions.items() if now - one.seen > KEEP_SECONDS]
        for key in old:
            self._taken.discard(self._sessions.pop(key).downstream_id)

    def _number(self, wanted: int | None) -> int:
        number = self._highest + 1 if wanted is None else self._base + wanted
        if number in self._taken:
            number = self._highest + 1
        if number > MAX_ID:  # after four thousand million rows; the first ones are long gone
            number = self._base = self._highest = 0
            while number in self._taken:
                number += 1
        self._taken.add(number)
        self._highest = max(self._highest, number)
        return number


def _differs(before: dict[str, str | None], identity: dict[str, str | None]) -> bool:
    return any(
        value and before.get(name) and before[name] != value for name, value in identity.items()
    )
