"""This module tells apart the downstreams that used one downstream_id, one after the other.

The senders number downstreams from 1 at every start, and the old databases are keyed by that
number. A share count that runs backwards is the only trace a new start leaves in them. One that
starts above where the old one ended, leaves none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from stats_history.reading.old_schema import OldRow


@dataclass(slots=True)
class Session:
    """One downstream from its first row to its newest.

    `shares` is the newest lifetime count, `work` the sum of the difficulties of the shares so far,
    `mean` the newest known mean difficulty of a share. `connected` and `last_share` are unix
    seconds, or None while no row has told them.
    """

    number: int = 1
    timestamp: int | None = None
    shares: int = 0
    work: float = 0.0
    mean: float = 0.0
    connected: int | None = None
    last_share: int | None = None

    def covers(self, row: OldRow) -> bool:
        """Whether `row`, the next in time, belongs to this session."""
        return row.lifetime is None or row.lifetime >= self.shares

    def successor(self) -> "Session":
        """The session after this one."""
        return Session(number=self.number + 1)

    def become(self, other: "Session") -> None:
        """Take over everything that `other` holds."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))

    def see(self, row: OldRow) -> None:
        """Note when the downstream connected and shared last, as far as `row` tells it."""
        first = self.timestamp is None
        if row.lifetime is None:
            return
        # The session began a moment ago if the one before it just ended, or if all of its shares
        # lie in the newest window.
        if first and (self.number > 1 or row.lifetime == row.shares):
            self.connected = row.timestamp
        # A first count may be of long ago, unless the newest window has shares.
        if row.lifetime > self.shares and (row.shares or not first):
            self.last_share = row.timestamp


def split(rows: Iterable[OldRow], session: Session) -> Iterator[tuple[Session, OldRow]]:
    """Each row of one downstream_id, in time order, with the session it belongs to.

    `session` is the one that was open before the first row. The caller moves its counters on.
    """
    for row in rows:
        if not session.covers(row):
            session = session.successor()
        yield session, row


def last_of_each_second(rows: Iterable[OldRow]) -> Iterator[OldRow]:
    """One row for each second; of several rows in a second, the row that was written last."""
    held: OldRow | None = None
    for row in rows:
        if held is not None and held.timestamp != row.timestamp:
            yield held
        held = row
    if held is not None:
        yield held
