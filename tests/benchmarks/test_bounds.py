"""Bounds and the spread of measurements."""

import pytest

from benchmarks.bounds import Bound
from benchmarks.common.clients import Applied
from benchmarks.common.cost import Cost, Spread, median_cost, spread

INFINITY = float("inf")


@pytest.mark.parametrize(
    ("at_least", "at_most", "measured", "holds"),
    [
        (50, None, 50, True),
        (50, None, 49.9, False),
        (None, 30, 30, True),
        (None, 30, 30.1, False),
        (None, 30, None, None),
    ],
)
def test_a_bound_holds_up_to_itself_and_is_open_where_nothing_was_measured(
    at_least: float | None, at_most: float | None, measured: float | None, holds: bool | None
) -> None:
    bound = Bound(figure="", at_least=at_least, at_most=at_most, unit="ms", measured=measured)
    assert bound.holds is holds


def test_a_spread_is_of_the_ordered_values() -> None:
    assert spread(reversed(range(1000))) == Spread(p50=500, p99=990, max=999)
    assert spread([3.0]) == Spread(p50=3.0, p99=3.0, max=3.0)


def test_medians_of_cpu_and_wall_time_are_taken_apart() -> None:
    costs = [Cost(cpu=1, wall=9), Cost(cpu=2, wall=1), Cost(cpu=9, wall=2)]
    assert median_cost(costs) == Cost(cpu=2, wall=2)


def test_a_histograms_quantile_is_the_bucket_that_it_is_in() -> None:
    before = Applied({0.1: 5.0, 0.5: 5.0, INFINITY: 5.0}, 0.25)
    after = Applied({0.1: 103.0, 0.5: 105.0, INFINITY: 105.0}, 10.25)
    taken = after.since(before)
    assert taken.count == 100
    assert taken.mean == 0.1
    assert taken.quantile(0.98) == 0.1
    assert taken.quantile(0.99) == 0.5
