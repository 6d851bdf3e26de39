"""A cell's processes end one after the other, and no board or alert is wrong at any time."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.e2e.harness.cell import HALVES, Cell, running_cell
from tests.e2e.harness.totals import (
    BACK_SECONDS,
    LATE_SECONDS,
    OURS,
    TOTALS,
    TRUTH,
    Watch,
    filled,
    luck,
)
from tests.grafana.boards import joined_queries
from tests.grafana.prometheus import are_alike
from tests.support.until import sleep_until, until

# Every look at a total may be late by a few seconds only, or a total that is wrong for long would
# not be seen. A processor that is shared keeps that up only mostly.
pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(500)]

OTHERWISE = re.compile(
    r":avg1h|:avg24h"  # an hour lasts a second here, in which 40 s without a gateway weigh too much
    r"|rejected"  # so few that one between two first scrapes is half of them
)
"""What may differ."""

UNSEEN_SECONDS = 40.0
"""For how long one Prometheus cannot scrape one gateway."""

SAME_SECONDS = 20.0
"""For how long a panel may take to show the truth."""

TOLD_SECONDS = 90.0
AT_THE_START = "StatsGatewayServiceAbsent"
"""A Prometheus that starts has no targets for 5 s, and this alert waits for little more here."""

TOLD = {
    "StatsGatewayReplicaDown stats-pool stats-pool-b:9084": 2,
    "StatsGatewayReplicaDown stats-proxy stats-proxy-b:8084": 1,
    "StatsGatewayReplicaUnheard stats-proxy stats-proxy-b:8084": 1,
    "StatsGatewayWatcherDown prometheus prometheus-b:9090": 1,
    "StatsGatewayWatcherDown alertmanager alertmanager-b:9093": 1,
}
"""Each alert that accidents long enough bring about, and how often."""


def sees(cell: Cell, half: str) -> bool:
    """Whether that Prometheus has all targets, and all of them hear the fleet."""
    heard = cell.prometheus(half).now(f'stats_gateway_source_up{{job=~"{OURS}"}} == 1')
    return all(cell.targets_up(half).values()) and len(heard) == len(HALVES) * 2


def is_whole(cell: Cell) -> bool:
    """Whether every process of both halves does its part."""
    return all(cell.peers(half) == len(HALVES) and sees(cell, half) for half in HALVES)


def is_told_of(cell: Cell) -> bool:
    """Whether all totals are known, everywhere."""
    return all(
        cell.prometheus(half).now(filled(where, job))
        for half in HALVES
        for job in (OURS, TRUTH)
        for where in TOTALS
    )


@dataclass(frozen=True, slots=True)
class Course:
    """What came of it."""

    cell: Cell
    equal: bool
    """Whether both Prometheus had recorded the same before the first accident."""

    wrong: list[str]
    different: dict[str, list[str]]
    """By the accident after which it was looked at, the panels that never showed the truth."""


def end(watch: Watch, *names: str) -> None:
    """Processes are killed, looked away from, and brought back."""
    cell = watch.cell
    watch.doing = f"without {', '.join(names)}"
    for name in names:
        cell.parts[name].kill()
    watch.look()


def bring_back(watch: Watch, *names: str) -> None:
    cell = watch.cell
    watch.doing = f"{', '.join(names)} came back"
    for name in names:
        cell.parts[name].start()
    for name in names:
        cell.parts[name].wait()


def ends_and_comes_back(watch: Watch, name: str) -> None:
    """For a moment; a Prometheus is looked at again when it has scraped everything once."""
    cell, half = watch.cell, name[-1]
    if not name.startswith("prometheus"):
        end(watch, name)
        bring_back(watch, name)
        until(lambda: is_back(cell, name), BACK_SECONDS, f"{name} is back")
    else:
        with watch.without(half):
            end(watch, name)
            bring_back(watch, name)
            until(lambda: is_back(cell, name), BACK_SECONDS, f"{name} is back")
    watch.look()


def is_back(cell: Cell, name: str) -> bool:
    """Whether what ended does its part again, whatever else is the matter."""
    half = name[-1]
    if name.startswith("alertmanager"):
        return all(cell.peers(each) == len(HALVES) for each in HALVES)
    if name.startswith("prometheus"):
        prometheus = cell.prometheus(half)
        records = f"{{__name__=~'job:.+avg5m', job=~'{OURS}'}}"
        fresh = f"time() - timestamp({records}) < {LATE_SECONDS}"
        return len(prometheus.now(fresh)) == 2 and all(prometheus.now(filled(w)) for w in TOTALS)
    port = next(i for each in HALVES for i in cell.targets_up(each) if i.startswith(name))
    heard = f'stats_gateway_source_up{{instance="{port}"}} == 1'
    return all(cell.prometheus(each).now(heard) for each in HALVES)


def links_are_cut(watch: Watch) -> None:
    """The senders cannot reach one gateway, and one Prometheus cannot scrape another one."""
    cell, began = watch.cell, time.monotonic()
    cell.to_proxy_b.cut()
    cell.to_pool_b.refuse()
    for name in ("alertmanager-a", "alertmanager-b", "prometheus-b"):
        ends_and_comes_back(watch, name)
    until(lambda: len(told(cell)) == 2, TOLD_SECONDS, f"two alerts in {told(cell)}")
    cell.to_proxy_b.heal()
    until(lambda: is_back(cell, "stats-proxy-b"), BACK_SECONDS, "the sender is back")
    for name in ("stats-proxy-a", "stats-proxy-b"):
        ends_and_comes_back(watch, name)
    sleep_until(began + UNSEEN_SECONDS)
    cell.to_pool_b.heal()


def others_end(watch: Watch) -> None:
    """Those whose turn has not come yet, and one that hangs.

    A Prometheus that ends takes the end of an alert with it that it alone told: that comes later.
    """
    cell = watch.cell
    ends_and_comes_back(watch, "stats-pool-a")
    watch.doing = "stats-pool-b hangs"
    cell.parts["stats-pool-b"].freeze()
    watch.look()
    cell.parts["stats-pool-b"].thaw()
    until(lambda: all_resolved(cell), TOLD_SECONDS, f"{told(cell)} is over")
    ends_and_comes_back(watch, "prometheus-a")


def half_ends(watch: Watch) -> None:
    """A machine dies, for so long that it is told."""
    cell = watch.cell
    second = [name for name in cell.parts if name.endswith("-b")]
    with watch.without("b"):
        end(watch, *second)
        until(lambda: fired(cell) >= sum(TOLD.values()), TOLD_SECONDS, "all of the half is told")
        bring_back(watch, *second)
        until(lambda: is_whole(cell) and is_told_of(cell), BACK_SECONDS, "it is whole")


def records(cell: Cell, selector: str) -> list[dict[str, float]]:
    """What each Prometheus has recorded of the cell, at one time."""
    at = time.time() - 1
    expression = f"{{__name__=~'{selector}', job=~'{OURS}'}}"
    return [cell.prometheus(half).at(expression, at) for half in HALVES]


def are_known_alike(cell: Cell) -> bool:
    """Whether both Prometheus have recorded the same series, of every level."""
    first, second = records(cell, "[a-z_]+:stra.+")
    return first.keys() == second.keys()


def are_recorded_alike(cell: Cell) -> bool:
    """Whether both Prometheus have recorded the same totals, but for the luck of shares."""
    return are_known_alike(cell) and all(
        are_alike(*records(cell, f"(job|source):{what}"), room=room)
        for what, room in (
            ("stratum_proxy_.+:avg5m", luck("proxy")),
            ("stratum_pool_.+:avg5m", luck("pool")),
        )
    )


def told(cell: Cell) -> dict[str, list[str]]:
    return {k: v for k, v in cell.sequences().items() if not k.startswith(AT_THE_START)}


def fired(cell: Cell) -> int:
    return sum(statuses.count("firing") for statuses in told(cell).values())


def all_resolved(cell: Cell) -> bool:
    return all(statuses[-1] == "resolved" for statuses in told(cell).values())


def never_the_truth(cell: Cell) -> list[str]:
    """The panels that show something else than one gateway does; equal at one moment is enough."""
    name = cell.prometheus("a").now("stratum_proxy_miner_info")[0].labels["name"]
    left = [
        (half, str(query))
        for half in HALVES
        for query in joined_queries()
        if not OTHERWISE.search(query.expression)
    ]
    until_then = time.monotonic() + SAME_SECONDS
    while left and time.monotonic() < until_then:
        left = [(half, where) for half, where in left if not is_true(cell, half, where, name)]
    return [f"{half} {where}" for half, where in left]


def is_true(cell: Cell, half: str, where: str, name: str) -> bool:
    at = time.time() - 1
    shown, truth = (cell.prometheus(half).at(filled(where, job, name), at) for job in (OURS, TRUTH))
    named = {labels.replace("truth-", "stats-"): value for labels, value in truth.items()}
    return are_alike(shown, named, room=luck(where))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """All accidents, one after the other."""
    with running_cell(tmp_path_factory.mktemp("cell")) as cell:
        until(lambda: is_whole(cell) and is_told_of(cell), BACK_SECONDS, "the cell is whole")
        sleep_until(time.monotonic() + LATE_SECONDS)  # looks are at a moment before
        equal = bool(until(partial(are_recorded_alike, cell), BACK_SECONDS, "equal records"))
        different = {}
        with Watch(cell) as watch:
            for accident in (links_are_cut, others_end, half_ends):
                accident(watch)
                watch.doing = f"after {accident.__name__}"
                until(lambda: is_whole(cell), BACK_SECONDS, "the cell is whole again")
                different[accident.__name__] = never_the_truth(cell)
            until(lambda: all_resolved(cell), TOLD_SECONDS, f"{told(cell)} is resolved")
        yield Course(cell, equal, watch.wrong, different)


def test_no_total_is_off_by_more_than_the_last_interval_and_no_miner_is_lost_or_twice(
    course: Course,
) -> None:
    assert not course.wrong, "\n".join(course.wrong)


def test_every_panel_shows_after_an_accident_what_one_gateway_alone_shows(course: Course) -> None:
    assert not any(course.different.values()), course.different


def test_each_alert_is_sent_once_and_none_wrongly(course: Course) -> None:
    expected = {name: ["firing", "resolved"] * times for name, times in TOLD.items()}
    assert told(course.cell) == expected


def test_what_is_recorded_is_equal_on_both(course: Course) -> None:
    assert course.equal
    until(partial(are_known_alike, course.cell), BACK_SECONDS, "the same records on both")
