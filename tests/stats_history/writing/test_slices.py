"""Cutting time into slices."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stats_history.writing.slices import WIDTHS, cut

HOUR = 3600
FINEST = WIDTHS[-1]
buckets = st.dictionaries(st.integers(0, 500), st.integers(1, 40), min_size=1).map(
    lambda found: sorted((at * FINEST, rows) for at, rows in found.items())
)


@given(buckets, st.integers(1, 400))
def test_slices_hold_every_row_once_in_order_and_within_the_bound(
    found: list[tuple[int, int]], bound: int
) -> None:
    pieces = cut(found, 0, 501 * FINEST, bound)
    assert sum(piece.rows for piece in pieces) == sum(rows for _, rows in found)
    assert all(a.end <= b.start for a, b in pairwise(pieces))
    for piece in pieces:
        inside = [rows for at, rows in found if piece.start <= at < piece.end]
        assert sum(inside) == piece.rows
        assert piece.rows <= bound or len(inside) == 1


@given(buckets)
def test_no_slice_crosses_the_boundary_of_a_block(found: list[tuple[int, int]]) -> None:
    for piece in cut(found, 0, 501 * FINEST, 50):
        width = WIDTHS[0]
        assert piece.start // width == (piece.end - 1) // width


def test_few_rows_make_18_hour_slices_within_the_range_asked_for() -> None:
    found = [(0, 5), (20 * HOUR, 5)]
    assert cut(found, 300, 21 * HOUR) == [(300, 18 * HOUR, 5), (18 * HOUR, 21 * HOUR, 5)]
