"""The hashrate of all downstreams together."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from stats_history.converting.totals import ACTIVE_SECONDS, Total, totals

Hashrate = tuple[int, int, float]


def summed(rows: Iterable[Hashrate]) -> list[tuple[int, float]]:
    """The totals without their counts."""
    return [(total.timestamp, total.hashrate) for total in totals(rows, 0, 9000, state)]


def state(_downstream_id: int, is_active: bool) -> str:
    return "active" if is_active else "idle"


def test_a_snapshot_is_summed() -> None:
    rows = [(100, 1, 5.0), (100, 2, 7.0), (115, 1, 6.0), (115, 2, 7.0)]
    assert summed(rows) == [(100, 12.0), (115, 13.0)]


def test_a_snapshot_stored_over_two_seconds_makes_no_dip() -> None:
    rows = [(101, 1, 5.0), (102, 2, 7.0), (116, 1, 6.0), (117, 2, 8.0)]
    assert summed(rows) == [(102, 12.0), (117, 14.0)]


def test_a_downstream_that_falls_silent_stops_counting_after_20_s() -> None:
    rows = [(100, 1, 5.0), (100, 2, 7.0), (115, 1, 5.0), (130, 1, 5.0)]
    assert summed(rows) == [(100, 12.0), (115, 12.0), (130, 5.0)]


def test_nothing_is_made_up_in_a_gap() -> None:
    assert summed([(100, 1, 5.0), (5000, 1, 6.0)]) == [(100, 5.0), (5000, 6.0)]


def test_rows_in_every_second_are_summed_every_5_s() -> None:
    rows = [(at, at % 3, 1.0) for at in range(100, 120)]
    assert [at for at, _ in summed(rows)] == [100, 105, 110, 115, 119]


def test_a_miner_is_idle_ten_minutes_after_its_last_hashrate() -> None:
    rows = [(at, 1, 5.0 if at == 100 else 0.0) for at in range(100, 760, 15)]
    counts = {total.timestamp: total.counts for total in totals(rows, 0, 1000, state)}
    assert counts[685] == {"active": 1}
    assert counts[700] == {"idle": 1}


def test_a_miner_that_was_away_is_not_active_for_what_it_did_before() -> None:
    rows = [(100, 1, 5.0), (200, 1, 0.0)]
    assert [total.counts for total in totals(rows, 0, 1000, state)] == [{"active": 1}, {"idle": 1}]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 3), st.integers(0, 2))).map(sorted),
    st.integers(0, 91),
)
def test_any_cut_into_slices_gives_the_same_totals(
    raw: list[tuple[int, int, int]], cut: int
) -> None:
    rows: list[Hashrate] = [(at, key, float(rate)) for at, key, rate in raw]

    def part(start: int, end: int) -> list[Total]:
        read = [row for row in rows if start - ACTIVE_SECONDS <= row[0] <= end]
        return list(totals(read, start, end, state))

    assert part(0, cut) + part(cut, 91) == part(0, 91)
