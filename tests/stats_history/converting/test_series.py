"""Shares and work of one downstream; all numbers worked out by hand."""

from hypothesis import given
from hypothesis import strategies as st

from stats_history.converting.series import Point, points, share_growth, window_growth
from stats_history.converting.sessions import Session
from stats_history.reading.old_schema import OldRow

HASHES = 2**32


def row(
    at: int, lifetime: int | None, shares: int, difficulty: float | None, window: int = 60
) -> OldRow:
    return OldRow(1, at, None, lifetime, shares, difficulty, window)


def work(rows: list[OldRow], session: Session | None = None) -> list[float | None]:
    """The work after each row, in difficulty."""
    found = points(rows, session or Session(), share_growth)
    return [None if point.work is None else point.work / HASHES for point in found]


def test_overlapping_windows_are_not_counted_twice() -> None:
    # 5 shares of difficulty 100 every 15 s: each is in the window of four rows.
    rows = [row(15, 5, 5, 500.0), row(30, 10, 10, 1000.0), row(45, 15, 15, 1500.0)]
    rows += [row(60, 20, 20, 2000.0), row(75, 25, 20, 2000.0)]
    assert work(rows) == [500.0, 1000.0, 1500.0, 2000.0, 2500.0]


def test_new_shares_count_at_the_windows_mean_difficulty() -> None:
    assert work([row(0, 2, 2, 20.0), row(60, 5, 3, 90.0)]) == [20.0, 20.0 + 3 * 30.0]


def test_an_empty_window_leaves_the_mean_as_it_was() -> None:
    assert work([row(0, 2, 2, 20.0), row(600, 12, 0, 0.0)]) == [20.0, 20.0 + 10 * 10.0]


def test_work_before_any_known_difficulty_is_not_made_up() -> None:
    assert work([row(0, 7, 0, 0.0), row(60, 9, 2, 6.0)]) == [0.0, 6.0]


def test_work_begins_again_with_a_new_session() -> None:
    assert work([row(0, 10, 10, 100.0), row(15, 2, 2, 8.0)]) == [100.0, 8.0]


def test_a_pools_shares_count_once_though_its_counter_says_twice() -> None:
    # 2 shares of difficulty 10 every 15 s, counted as 4; the window of 60 s sees each four times.
    rows = [
        row(at, at // 15 * 4, min(at // 15, 4) * 2, min(at // 15, 4) * 20.0)
        for at in range(15, 315, 15)
    ]
    found = list(points(rows, Session(), window_growth))
    grown = (found[-1].work or 0) - (found[4].work or 0)
    assert grown == 15 * 2 * 10.0 * HASHES
    assert found[-1].shares == 80


def test_a_pools_window_after_a_gap_counts_whole_and_once() -> None:
    found = list(points([row(0, 2, 2, 20.0), row(900, 9, 3, 30.0)], Session(), window_growth))
    assert [point.work for point in found] == [20.0 * HASHES, 50.0 * HASHES]


def test_what_is_unknown_is_absent() -> None:
    found = list(points([OldRow(1, 5, None), OldRow(1, 6, 7.5)], Session(), share_growth))
    assert found == [Point(5, None, None, None), Point(6, 7.5, None, None)]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 90)), max_size=30),
    st.integers(0, 30),
)
def test_cutting_the_rows_into_slices_gives_the_same_points(
    raw: list[tuple[int, int, int]], cut: int
) -> None:
    rows = [row(at, count, shares, float(sum_)) for at, (count, shares, sum_) in enumerate(raw)]
    whole = list(points(rows, Session(), share_growth))
    session = Session()
    parts = [*points(rows[:cut], session, share_growth), *points(rows[cut:], session, share_growth)]
    assert parts == whole
