"""What this service has itself seen of shares, for senders that do not say when the last one came.

A translator that sends only share counts tells nothing about time. This service compares the counts
of a snapshot with those of the snapshot before and remembers when each of them grew. Example: a
count of 5, 6 and 6 at 12:00:00, 12:00:10 and 12:00:20 has a last share at 12:00:10.

The sightings are columns, one entry for each row, and a snapshot is compared with the one before
column by column. Only rows that changed cost a step of a Python loop.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat
from operator import ne, sub
from typing import TypeVar

from stats_gateway.clock import Now

SESSION_TOLERANCE_SECONDS = 3
"""The released senders compute `connected_at` anew each time, so it wanders by a second or so."""

_MORE_THAN_ANY_COUNT = 2**64
"""Stands for the count before of a row that was not there: every count is a fall from it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSightings:
    """Columns of equal length, in ascending order of `downstream_id`."""

    downstream_id: Sequence[int]
    shares: Sequence[int]
    connected_at: Sequence[int | None]
    """The first value of the session: what is sent wanders, and that is no new session."""
    quiet_since: Sequence[float]
    """Monotonic: when the count was last seen to grow, else when the session was first seen."""
    grew_at: Sequence[float | None]
    """Unix: when the count was last seen to grow; None when it never was in this session."""

    def quiet_since_of(self, downstream_id: int) -> float | None:
        """The row's `quiet_since`; None where the row is not among the sightings."""
        place = bisect_left(self.downstream_id, downstream_id)
        found = self.downstream_id[place : place + 1]
        return self.quiet_since[place] if list(found) == [downstream_id] else None


NO_SIGHTINGS = ShareSightings(
    downstream_id=(), shares=(), connected_at=(), quiet_since=(), grew_at=()
)


def see_shares(
    downstream_id: Sequence[int],
    shares: Sequence[int],
    connected_at: Sequence[int | None],
    before: ShareSightings,
    now: Now,
) -> ShareSightings:
    """The sightings after a snapshot that arrived at `now`.

    A count that fell, or another `connected_at`, is a new session of the same id.
    """
    if downstream_id != before.downstream_id:
        before = _aligned(before, downstream_id)
    quiet_since, grew_at = list(before.quiet_since), list(before.grew_at)
    changes = list(map(sub, shares, before.shares))
    if min(changes, default=0) > 0:
        quiet_since, grew_at = [now.monotonic] * len(changes), [now.unix] * len(changes)
    else:
        for place in compress(count(), changes):
            quiet_since[place] = now.monotonic
            grew_at[place] = now.unix if changes[place] > 0 else None
    if connected_at != before.connected_at:
        kept = list(connected_at)
        for place in compress(count(), map(ne, connected_at, before.connected_at)):
            sent, first = connected_at[place], before.connected_at[place]
            if sent is None or first is None or changes[place] < 0:
                continue
            if abs(sent - first) <= SESSION_TOLERANCE_SECONDS:
                kept[place] = first
            else:
                quiet_since[place] = now.monotonic
                grew_at[place] = None
        if kept != list(connected_at):
            connected_at = kept
    return ShareSightings(
        downstream_id=downstream_id,
        shares=shares,
        connected_at=connected_at,
        quiet_since=quiet_since,
        grew_at=grew_at,
    )


def _aligned(before: ShareSightings, downstream_id: Sequence[int]) -> ShareSightings:
    """`before` in the order of `downstream_id`, with entries for the rows that were not there."""
    places = dict(zip(before.downstream_id, count(), strict=False))
    old = list(map(places.get, downstream_id, repeat(-1)))

    def taken(column: Sequence[T], missing: T) -> list[T]:
        return list(map([*column, missing].__getitem__, old))

    return ShareSightings(
        downstream_id=downstream_id,
        shares=taken(before.shares, _MORE_THAN_ANY_COUNT),
        connected_at=taken(before.connected_at, None),
        quiet_since=taken(before.quiet_since, 0.0),
        grew_at=taken(before.grew_at, None),
    )
