"""The hashrate of all downstreams together."""

from hypothesis import given
from hypothesis import strategies as st

from stats_history.converting.totals import totals

Hashrate = tuple[int, int, float]


def test_a_snapshot_is_summed() -> None:
    rows = [(100, 1, 5.0), (100, 2, 7.0), (115, 1, 6.0), (115, 2, 7.0)]
    assert list(totals(rows, 0, 1000)) == [(100, 12.0), (115, 13.0)]


def test_a_snapshot_stored_over_two_seconds_makes_no_dip() -> None:
    rows = [(101, 1, 5.0), (102, 2, 7.0), (116, 1, 6.0), (117, 2, 8.0)]
    assert list(totals(rows, 0, 1000)) == [(102, 12.0), (117, 14.0)]


def test_a_downstream_that_falls_silent_stops_counting_after_20_s() -> None:
    rows = [(100, 1, 5.0), (100, 2, 7.0), (115, 1, 5.0), (130, 1, 5.0)]
    assert list(totals(rows, 0, 1000)) == [(100, 12.0), (115, 12.0), (130, 5.0)]


def test_nothing_is_made_up_in_a_gap() -> None:
    assert list(totals([(100, 1, 5.0), (5000, 1, 6.0)], 0, 9000)) == [(100, 5.0), (5000, 6.0)]


def test_rows_in_every_second_are_summed_every_5_s() -> None:
    rows = [(at, at % 3, 1.0) for at in range(100, 120)]
    assert [at for at, _ in totals(rows, 0, 1000)] == [100, 105, 110, 115, 119]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 3), st.integers(0, 9))).map(sorted),
    st.integers(0, 91),
)
def test_any_cut_into_slices_gives_the_same_totals(
    raw: list[tuple[int, int, int]], cut: int
) -> None:
    rows: list[Hashrate] = [(at, key, float(rate)) for at, key, rate in raw]

    def part(start: int, end: int) -> list[tuple[int, float]]:
        return list(totals([row for row in rows if start - 20 <= row[0] <= end], start, end))

    assert part(0, cut) + part(cut, 91) == part(0, 91)
