import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.sender.trackers.hashrate import BUCKETS, MIN_SPAN, WINDOW, HashrateWindow

START = 1_730_488_800.0  # the start of a bucket, so that expected values can be worked out by hand
WIDTH = WINDOW / BUCKETS


def test_a_full_window_gives_the_sum_of_difficulties_times_2_to_the_32_by_its_seconds() -> None:
    window = HashrateWindow(START)
    for second in range(1000):
        window.add(2.0, START + second)
    # 2 difficulties a second, seen from the end of a bucket.
    assert window.hashrate(START + 1000 - 1e-6) == pytest.approx(2 * 4294967296, rel=1e-6)


def test_after_a_connect_the_window_is_the_time_since_then() -> None:
    window = HashrateWindow(START)
    window.add(100.0, START + 5)
    window.add(50.0, START + 20)
    assert window.hashrate(START + 30) == pytest.approx(150 * 4294967296 / 30)


def test_a_connect_in_the_middle_of_a_bucket_counts_from_the_connect() -> None:
    window = HashrateWindow(START + 7)
    window.add(150.0, START + 20)
    assert window.hashrate(START + 37) == pytest.approx(150 * 4294967296 / 30)


def test_the_first_seconds_never_show_more_than_the_first_full_interval_would() -> None:
    window = HashrateWindow(START)
    window.add(10.0, START)
    assert window.hashrate(START) == pytest.approx(10 * 4294967296 / MIN_SPAN)
    assert window.hashrate(START + MIN_SPAN) == pytest.approx(10 * 4294967296 / MIN_SPAN)


def test_no_share_is_no_hashrate() -> None:
    assert HashrateWindow(START).hashrate(START + 60) == 0.0


def test_shares_that_stop_decay_to_exactly_zero_within_the_window() -> None:
    window = HashrateWindow(START)
    for second in range(600):
        window.add(0.1, START + second)
    rates = [window.hashrate(START + 600 + late) for late in range(0, int(WINDOW) + 1, 10)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0


def test_a_pause_of_many_windows_leaves_nothing_behind() -> None:
    window = HashrateWindow(START)
    window.add(5.0, START)
    window.add(1.0, START + 1e6)
    window.hashrate(START + 1e6)
    assert window.hashrate(START + 1e6 + WIDTH) == pytest.approx(4294967296 / WINDOW, rel=0.04)


def test_a_clock_set_back_begins_a_new_window() -> None:
    window = HashrateWindow(START)
    for second in range(600):
        window.add(1.0, START + second)
    window.add(6.0, START - 3600)
    assert window.hashrate(START - 3600 + 60) == pytest.approx(6 * 4294967296 / 60)


def test_a_clock_that_is_slewed_back_a_little_loses_nothing() -> None:
    window = HashrateWindow(START)
    window.add(1.0, START + 100.5)
    window.add(1.0, START + 99.5)
    assert window.hashrate(START + 101) == pytest.approx(2 * 4294967296 / 101)


def test_memory_does_not_depend_on_the_number_of_shares() -> None:
    window = HashrateWindow(START)
    before = sys.getsizeof(window._buckets)  # noqa: SLF001 - its size is the rule
    for share in range(100_000):
        window.add(1.0, START + share / 10)
    assert sys.getsizeof(window._buckets) == before  # noqa: SLF001 - its size is the rule


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.0, 1e6)), max_size=60))
def test_the_ring_agrees_with_a_list_of_every_share(gaps: list[tuple[float, float]]) -> None:
    window = HashrateWindow(START)
    shares: list[tuple[float, float]] = []
    now = START
    for gap, difficulty in gaps:
        now += gap
        window.add(difficulty, now)
        shares.append((now, difficulty))
    oldest = max(START, (now // WIDTH - BUCKETS + 1) * WIDTH)
    total = sum(difficulty for time, difficulty in shares if time >= oldest)
    expected = total * 2**32 / max(now - oldest, MIN_SPAN)
    assert window.hashrate(now) == pytest.approx(expected)
