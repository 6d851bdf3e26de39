"""What this service has itself seen of shares, for senders that do not say when the last one came.

A translator that sends only share counts tells nothing about time. This service compares the counts
of a snapshot with those of the snapshot before and remembers when each of them grew. Example: a
count of 5, 6 and 6 at 12:00:00, 12:00:10 and 12:00:20 has a last share at 12:00:10.

The sightings are columns, one entry for each row, and a snapshot is compared with the one before
column by column.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat
from operator import le, ne, sub
from typing import TypeVar

from stats_gateway.clock import Now

SESSION_TOLERANCE_SECONDS = 3
"""The released senders compute `connected_at` anew each time, so it wanders by a second or so."""

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
        before = _aligned(before, downstream_id, shares, connected_at, now)
    changes = list(map(sub, shares, before.shares))
    quiet_since = [now.monotonic] * len(changes)
    grew_at: list[float | None] = [now.unix] * len(changes)
    if min(changes, default=1) <= 0:
        for place in compress(count(), map(le, changes, repeat(0))):
            is_same = changes[place] == 0
            quiet_since[place] = before.quiet_since[place] if is_same else now.monotonic
            grew_at[place] = before.grew_at[place] if is_same else None
    kept = dict[int, int]()
    if connected_at != before.connected_at:
        for place in compress(count(), map(ne, connected_at, before.connected_at)):
            sent, first = connected_at[place], before.connected_at[place]
            if sent is None or first is None or changes[place] < 0:
                continue
            if abs(sent - first) <= SESSION_TOLERANCE_SECONDS:
                kept[place] = first
            else:
                quiet_since[place] = now.monotonic
                grew_at[place] = None
    if kept:
        connected_at = [kept.get(place, sent) for place, sent in enumerate(connected_at)]
    return ShareSightings(
        downstream_id=downstream_id,
        shares=shares,
        connected_at=connected_at,
        quiet_since=quiet_since,
        grew_at=grew_at,
    )


def _aligned(
    before: ShareSightings,
    downstream_id: Sequence[int],
    shares: Sequence[int],
    connected_at: Sequence[int | None],
    now: Now,
) -> ShareSightings:
    """`before` with the rows of `downstream_id`; the new ones among them as if seen just before."""
    runs = list(same_rows(before.downstream_id, downstream_id))

    def put(old: Sequence[T], new: Sequence[T]) -> Sequence[T]:
        column = new[:] if isinstance(old, array) and isinstance(new, array) else list(new)
        for place, new_place, length in runs:
            column[new_place : new_place + length] = old[place : place + length]  # type: ignore[call-overload]  # a slice of an array is one
        return column

    rows = len(downstream_id)
    return ShareSightings(
        downstream_id=downstream_id,
        shares=put(before.shares, shares),
        connected_at=put(before.connected_at, connected_at),
        quiet_since=put(before.quiet_since, [now.monotonic] * rows),
        grew_at=put(before.grew_at, [None] * rows),
    )


def same_rows(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The runs of ids that two ascending columns have in common.

    A run is its place in `before`, its place in `after` and its length. Example: `1 2 3 5 6` and
    `1 2 3 6 7` have the runs `(0, 0, 3)` and `(4, 3, 1)`.
    """
    place = new_place = length = 0
    while place < len(before) and new_place < len(after):
        if before[place] < after[new_place]:
            place = bisect_left(before, after[new_place], place)
        elif before[place] > after[new_place]:
            new_place = bisect_left(after, before[place], new_place)
        else:
            # Most runs are about as long as the one before.
            length = _run_length(before, place, after, new_place, max(1, length // 2))
            yield place, new_place, length
            place, new_place = place + length, new_place + length


def _run_length(
    before: Sequence[int], place: int, after: Sequence[int], new_place: int, step: int
) -> int:
    """How many items from the two places on are the same, found by a few comparisons of slices.

    `step` is how many items are compared at first.
    """
    most = min(len(before) - place, len(after) - new_place)
    length = 1
    while step:
        ours = before[place + length : place + length + step]
        if length + step <= most and ours == after[new_place + length : new_place + length + step]:
            length, step = length + step, 2 * step
        else:
            step //= 2
    return length
