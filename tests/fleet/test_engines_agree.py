"""The fleet board says the same in Prometheus and in VictoriaMetrics, and what it says is right."""

import pytest

from tests.fleet.agreement import Stores, differences, differences_over, now, queries
from tests.fleet.records import HOUR

pytestmark = pytest.mark.slow

BEFORE = 1000
"""Seconds before the end from which the board is asked: all that goes wrong goes wrong since."""


def test_what_is_shown_as_now_is_the_same_in_both_engines(stores: Stores) -> None:
    times = range(stores.end - BEFORE, stores.end, 37)
    one, other = stores.prometheus, stores.victoria_metrics
    found = [d for query in queries(instant=True) for d in differences(one, other, query, times)]
    assert found == []


@pytest.mark.parametrize("step", [15, 60])
def test_graphs_are_the_same_in_both_engines(stores: Stores, step: int) -> None:
    end = stores.end // step * step
    times = range(end - HOUR, end, step)
    one, other = stores.prometheus, stores.victoria_metrics
    asked = queries(instant=False)
    found = [d for query in asked for d in differences_over(one, other, query, times)]
    assert found == []


def test_the_board_says_what_has_become_of_twelve_sites(stores: Stores) -> None:
    def shows(where: str) -> dict[str, float]:
        return now(stores.victoria_metrics, where, stores.end)

    assert shows("Sites (stat) / A") == {"": 9}
    assert shows("Sites (stat) / B") == {"": 2}, "one that was gone for a day is missed no more"
    assert shows("Sources (stat) / B") == {"": 1}
    assert shows("Trouble (stat) / A") == {"": 4}, "two silent, one with a stale source, one alert"
    assert shows("Last hour (stat) / A") == {"": 1}
    assert shows("Last hour (stat) / B") == {"": 1}
    assert shows("Miners now (stat) / C") == {"": 2 * (3 + 4 + 5 + 8 + 9 + 10) + 2 + 11}
    assert shows("Pools (stat) / B") == {"": 18}, "a mint is no miner"

    worst = shows("Worst ten sites (table) / A")
    assert len(worst) == 10
    assert "farm-10" not in worst, "it has more than usual"
    assert "farm-07" not in worst, "it is missed no more"
    assert sorted(worst, key=lambda site: -worst[site])[2:4] == ["farm-03", "farm-02"]
    assert worst["farm-01"] == worst["farm-06"] == 1
    assert worst["farm-02"] == pytest.approx(2.37 / 4.37, rel=0.01)
    assert shows("Worst ten sites (table) / G")["farm-04"] == pytest.approx(0.08 / 1.08)
    assert shows("Worst ten sites (table) / H")["farm-02"] == 1
    assert shows("Worst ten sites (table) / I")["farm-05"] == 2
    assert shows("Sources (table) / B")["stats-proxy farm-02 translator-2"] == 603
