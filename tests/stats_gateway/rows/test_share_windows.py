import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.rows.rows import IDLE_SECONDS
from stats_gateway.rows.share_windows import Window, miners_of
from stats_gateway.store.parts import Content, WindowPart
from tests.support.senders import at, content
from tests.support.snapshots import Fields, service_snapshot, window

HASHES = 2.0**32


def one(
    row: Fields,
    previous: Content | None = None,
    seconds: float = 0.0,
    service_type: str = "Translator",
) -> tuple[Window, Content]:
    """The window after `row` came, `seconds` after the beginning."""
    part = content(service_snapshot(row, service_type=service_type), previous, at(seconds))
    assert isinstance(part, WindowPart)
    return part.windows[1], part


def test_hashrate_is_the_difficulty_found_in_the_window_over_its_length() -> None:
    found, _ = one(window(sum_difficulty_in_window=100.5, window_seconds=60))
    assert found.hashrate == 100.5 * HASHES / 60


def test_work_grows_by_new_shares_times_the_windows_mean_difficulty() -> None:
    first, part = one(window(shares_lifetime=100))
    assert first.work == 0.0
    later = window(shares_lifetime=103, shares_in_window=4, sum_difficulty_in_window=80.0)
    second, part = one(later, part)
    assert second.work == 3 * 20.0
    third, _ = one(later, part)
    assert third.work == 60.0, "an overlapping window adds no share twice"


def test_shares_that_left_the_window_already_count_with_its_last_mean() -> None:
    _, part = one(window(shares_lifetime=100, shares_in_window=5, sum_difficulty_in_window=50.0))
    empty = window(shares_lifetime=102, shares_in_window=0, sum_difficulty_in_window=0.0)
    found, _ = one(empty, part)
    assert found.work == 2 * 10.0
    assert found.hashrate == 0.0


def test_a_share_count_that_falls_is_a_new_session_whose_work_begins_again() -> None:
    _, part = one(window(shares_lifetime=100))
    grown, part = one(window(shares_lifetime=110), part)
    assert grown.work > 0
    restarted, _ = one(window(shares_lifetime=3), part)
    assert restarted.work == 0.0


def test_the_work_of_a_pool_grows_by_the_part_of_the_window_that_is_new_by_time() -> None:
    """Its count goes up by two for a share that made a quote, so that it says nothing."""
    row = window(sum_difficulty_in_window=60.0, window_seconds=60)
    found, part = one(row, service_type="Pool")
    assert found.work == 0.0
    for seconds, work in ((10, 10.0), (25, 25.0), (25, 25.0), (85, 85.0), (300, 145.0)):
        row["shares_lifetime"] = 100 + 2 * seconds
        found, part = one(row, part, seconds, "Pool")
        assert found.work == pytest.approx(work)


def test_a_pool_counts_the_work_of_a_window_once_however_late_a_line_comes() -> None:
    row = window(sum_difficulty_in_window=60.0, window_seconds=60)
    _, part = one(row, service_type="Pool")
    for seconds in (10, 29, 30.5, 40):
        found, part = one(row, part, seconds, "Pool")
    assert found.work == pytest.approx(40.0)


def test_the_work_of_a_pool_never_falls_where_lines_are_taken_in_out_of_order() -> None:
    row = window(shares_lifetime=100, sum_difficulty_in_window=60.0, window_seconds=60)
    _, part = one(row, None, 0.0, "Pool")
    late, part = one(row, part, 20.0, "Pool")
    early, part = one(row, part, 10.0, "Pool")
    last, _ = one(row, part, 30.0, "Pool")
    assert (late.work, early.work, last.work) == (20.0, 20.0, 30.0)


def test_the_work_of_a_pool_begins_again_with_a_new_session() -> None:
    _, part = one(window(shares_lifetime=100), service_type="Pool")
    grown, part = one(window(shares_lifetime=102), part, 10, "Pool")
    restarted, _ = one(window(shares_lifetime=1), part, 20, "Pool")
    assert grown.work > 0
    assert restarted.work == 0.0


def test_a_miner_known_by_its_window_is_idle_without_hashrate_and_new_shares() -> None:
    ghost = window(sum_difficulty_in_window=0.0, shares_in_window=0)
    alive = window(2)

    def idle_at(seconds: float, previous: Content | None) -> tuple[frozenset[int], Content]:
        part = content(service_snapshot(ghost, alive), previous, at(seconds))
        assert isinstance(part, WindowPart)
        return miners_of(part.windows).idle, part

    idle, part = idle_at(0, None)
    assert not idle
    idle, part = idle_at(IDLE_SECONDS - 1, part)
    assert not idle
    idle, part = idle_at(IDLE_SECONDS, part)
    assert idle == {1}
    ghost["shares_lifetime"] = 101
    idle, part = idle_at(IDLE_SECONDS + 1, part)
    assert not idle


@pytest.mark.parametrize("total", [math.nan, math.inf, -1.0, None])
def test_a_sum_of_difficulties_that_cannot_be_is_unknown_and_moves_no_work(total: object) -> None:
    _, part = one(window(shares_lifetime=100))
    found, _ = one(window(shares_lifetime=100, sum_difficulty_in_window=total), part)
    assert found.hashrate is None
    assert found.work == 0.0


def test_a_window_of_no_length_has_no_hashrate() -> None:
    assert one(window(window_seconds=0))[0].hashrate is None


@pytest.mark.parametrize("address", ["", "REDACTED", None])
def test_a_redacted_address_is_unknown(address: str | None) -> None:
    assert one(window(address=address))[0].address is None


rows = st.builds(
    lambda shares, inside, total: window(
        shares_lifetime=shares, shares_in_window=inside, sum_difficulty_in_window=total
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.none() | st.floats(),
)


@given(st.lists(rows, min_size=2, max_size=6))
def test_work_never_runs_backwards_within_a_session(rows: list[Fields]) -> None:
    before, part = one(rows[0])
    for row in rows[1:]:
        found, part = one(row, part)
        assert not math.isnan(found.work)
        assert found.work >= before.work or found.shares < before.shares
        before = found
