from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.clock import Now
from stats_gateway.rows.share_sightings import (
    NO_SIGHTINGS,
    SESSION_TOLERANCE_SECONDS,
    ShareSightings,
    same_rows,
    see_shares,
)

Row = tuple[int, int, int | None]
"""The id, the count of shares and the time of connection."""


@dataclass(frozen=True)
class Sighting:
    """What was seen of one row: the plain definition that the columns are held against."""

    shares: int
    connected_at: int | None
    quiet_since: float
    grew_at: float | None


def see(row: Row, before: Sighting | None, now: Now) -> Sighting:
    _, shares, connected_at = row
    times = connected_at, None if before is None else before.connected_at
    is_another_session = (
        None not in times and abs((times[0] or 0) - (times[1] or 0)) > SESSION_TOLERANCE_SECONDS
    )
    if before is None or shares < before.shares or is_another_session:
        return Sighting(shares, connected_at, now.monotonic, None)
    first = connected_at if None in times else before.connected_at
    if shares == before.shares:
        return replace(before, connected_at=first)
    return Sighting(shares, first, now.monotonic, now.unix)


rows = st.tuples(
    st.integers(0, 6),
    st.integers(0, 3) | st.sampled_from([2**32, 2**64 - 1]),
    st.none() | st.integers(-4, 4) | st.just(2**62),
)
snapshots = st.lists(
    st.lists(rows, max_size=6, unique_by=lambda row: row[0]).map(sorted), min_size=1, max_size=6
)


@given(snapshots)
def test_the_columns_say_what_the_plain_definition_says_of_each_row(
    snapshots: list[list[Row]],
) -> None:
    seen: ShareSightings = NO_SIGHTINGS
    plain: dict[int, Sighting] = {}
    for number, snapshot in enumerate(snapshots):
        now = Now(monotonic=float(number), unix=1000.0 + number)
        ids, shares, connected_at = ([row[place] for row in snapshot] for place in range(3))
        seen = see_shares(ids, shares, connected_at, seen, now)  # type: ignore[arg-type]  # columns of mixed tuples
        plain = {row[0]: see(row, plain.get(row[0]), now) for row in snapshot}
        columns = zip(seen.shares, seen.connected_at, seen.quiet_since, seen.grew_at, strict=True)
        assert list(seen.downstream_id) == list(plain)
        assert [Sighting(*row) for row in columns] == list(plain.values())
        for id_, sighting in plain.items():
            assert seen.quiet_since_of(id_) == sighting.quiet_since
        assert seen.quiet_since_of(7) is None


ids = st.sets(st.integers(0, 500)).map(sorted)


@given(ids, ids)
def test_the_runs_of_two_columns_are_all_that_they_have_in_common(
    before: list[int], after: list[int]
) -> None:
    runs = list(same_rows(before, after))
    for place, new_place, length in runs:
        assert before[place : place + length] == after[new_place : new_place + length]
    common = [id_ for place, _, length in runs for id_ in before[place : place + length]]
    assert common == sorted(set(before) & set(after))


def test_a_run_is_as_long_as_it_can_be() -> None:
    assert list(same_rows(list(range(1000)), [*range(-5, 300), *range(301, 2000)])) == [
        (0, 5, 300),
        (301, 305, 699),
    ]
