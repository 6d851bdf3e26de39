"""Splitting what used one downstream_id into the downstreams it was."""

from hypothesis import given
from hypothesis import strategies as st

from stats_history.converting.sessions import Session, last_of_each_second, split
from stats_history.reading.old_schema import OldRow

Counts = list[int]


def rows(lifetimes: list[int | None]) -> list[OldRow]:
    return [OldRow(1, 100 + at, None, count) for at, count in enumerate(lifetimes)]


def numbers(lifetimes: list[int | None]) -> list[int]:
    """The session number of each row, its counter moved on the way `points` does."""
    found = []
    for session, row in split(rows(lifetimes), Session()):
        found.append(session.number)
        if row.lifetime is not None:
            session.shares = row.lifetime
    return found


def test_a_share_count_that_runs_backwards_begins_a_session() -> None:
    assert numbers([5, 9, 9, 2, 4, 1]) == [1, 1, 1, 2, 2, 3]


def test_an_unknown_share_count_begins_none() -> None:
    assert numbers([5, None, 7, None, 3]) == [1, 1, 1, 1, 2]


@given(st.lists(st.lists(st.integers(0, 2**63 - 1), min_size=1).map(sorted), min_size=1))
def test_sessions_are_found_wherever_the_next_one_starts_below_the_last(runs: list[Counts]) -> None:
    told_apart = [runs[0]]
    for run in runs[1:]:
        if run[0] < told_apart[-1][-1]:
            told_apart.append(run)
        else:
            told_apart[-1] = told_apart[-1] + run
    expected = [number for number, run in enumerate(told_apart, 1) for _ in run]
    assert numbers([count for run in runs for count in run]) == expected


@given(st.lists(st.integers(0, 50)), st.integers(0, 50))
def test_cutting_the_rows_anywhere_splits_them_the_same(counts: Counts, cut: int) -> None:
    whole = numbers(list(counts))
    session = Session()
    found = []
    for part in (counts[:cut], counts[cut:]):
        for newest, row in split(rows(list(part)), session):
            newest.shares = row.lifetime or 0
            found.append(newest.number)
            session = newest
    assert found == whole


@given(st.lists(st.tuples(st.integers(100, 110), st.integers(0, 9))).map(sorted))
def test_one_row_of_each_second_is_left_the_last_written(pairs: list[tuple[int, int]]) -> None:
    left = list(last_of_each_second(OldRow(1, at, float(value)) for at, value in pairs))
    assert {row.timestamp: row.hashrate for row in left} == dict(pairs)
    assert len(left) == len(dict(pairs))
