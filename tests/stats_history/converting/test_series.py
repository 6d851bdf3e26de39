"""Shares and work of one downstream; all numbers worked out by hand."""

from hypothesis import given
from hypothesis import strategies as st

from stats_history.converting.series import Point, held, points, share_growth, window_growth
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
    assert found == [Point(5, None), Point(6, 7.5, new_minute=False)]


def test_a_session_that_began_before_its_first_row_has_no_time_of_connection() -> None:
    early, fresh = row(90, 500, 20, 20.0), row(90, 20, 20, 20.0)
    assert [point.connected for point in points([early], Session(), share_growth)] == [None]
    assert [point.connected for point in points([fresh], Session(), share_growth)] == [90]
    after = [row(90, 500, 20, 20.0), row(105, 500, 9, 9.0), row(120, 3, 3, 3.0)]
    assert [one.connected for one in points(after, Session(), share_growth)] == [None, None, 120]


def test_the_last_share_is_when_the_count_was_last_seen_to_grow() -> None:
    rows = [row(60, 9, 0, 0.0), row(75, 12, 3, 3.0), row(90, 12, 3, 3.0), row(105, 1, 1, 1.0)]
    found = [point.last_share for point in points(rows, Session(), share_growth)]
    assert found == [None, 75, 75, 105]


def test_a_scrape_sees_the_newest_row_that_is_not_silent() -> None:
    rows = [Point(100, 1.0), Point(115, 2.0)]
    found = [
        (point.timestamp, point.hashrate) for point in held(rows, [90, 100, 110, 120, 134, 135])
    ]
    assert found == [(100, 1.0), (110, 1.0), (120, 2.0), (134, 2.0)]


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
