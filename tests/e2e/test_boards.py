"""Every query of every board, asked of a real Prometheus about a real, simulated fleet."""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.grafana.boards import (
    Query,
    annotation_queries,
    joined_queries,
    panel_queries,
    panels,
    recorded,
    variable_queries,
)
from tests.grafana.fleet import Fleet, connected, running_fleet, say, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HEALTHY_SECONDS = 60.0
TROUBLED_SECONDS = 45.0

LONE = "lone.miner"
"""A miner that the tests themselves connect, and take away again."""

ABOUT_TROUBLE = (
    "pipeline / Sources (stat) / B",
    "pipeline / Last hour (stat) / C",
    "pipeline / Refused messages (timeseries) / A",
    "pipeline / Refused connections (timeseries) / A",
    "pipeline / Dropped values (timeseries) / A",
    "pipeline / Retired events (timeseries) / A",
    "pool / Sources (stat) / B",
    "fleet / Sources (stat) / B",
    "fleet / Stale sources (timeseries) / A",
)
"""What is 0, or nothing, in a healthy fleet."""

NOTHING_YET = (
    "fleet / Last hour (stat) / A",
    "fleet / Last hour (stat) / B",
    "proxy / Last hour (stat) / A",
    "proxy / Last hour (stat) / B",
    "pool / Last hour (stat) / A",
    "pool / Last hour (stat) / B",
    "pipeline / Last hour (stat) / A",
    "pipeline / Last hour (stat) / B",
    "pipeline / Hidden rows (timeseries) / A",
    "pool / Connected (stat) / B",
    "pool / Rejected shares by reason (timeseries) / A",
    "pool / Wallet (timeseries) / A",
    "pool / Wallet (timeseries) / B",
    "pool / Wallet (timeseries) / C",
    "miner / Difficulty (timeseries) / A",
    "miner / Rejected shares by reason (timeseries) / A",
    "miner / Hashrate (timeseries) / E",
    "miner / Power and temperature (timeseries) / A",
    "miner / Power and temperature (timeseries) / B",
    "pipeline / Age of the configuration (timeseries) / A",
    "pipeline / Failed readings (timeseries) / A",
    "pipeline / Snapshots sent by feeds (timeseries) / B",
    *(f"pipeline / Trouble at taps (timeseries) / {letter}" for letter in "ABCD"),
    "pipeline / Unread at taps (timeseries) / B",
    "job_source:stats_gateway_source:replaced",
    "job_source_name:stratum_proxy_missing:hours",
    "job_source_name:stratum_proxy_moved:hours",
)
"""What needs an hour, a renamed source, or more than the simulated senders tell."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def simulated(fleet: Fleet) -> str:
    """The name of a miner of the simulated fleet, once there is one; the feeds know less."""
    of_the_simulation = f'stratum_proxy_miner_info{{name!="{LONE}", source!~"sri|tap"}}'
    names = Query("the name of a miner", of_the_simulation, instant=True)
    wait_until(lambda: fleet.without_data([names], LONE), HEALTHY_SECONDS)
    return fleet.answers(names, LONE)[0].labels["name"]


def test_every_query_has_data_about_a_healthy_fleet(fleet: Fleet, simulated: str) -> None:
    asked = [*panel_queries(), *choices(), *(Query(r, r, instant=True) for r in recorded())]
    queries = [query for query in asked if query.where not in (*ABOUT_TROUBLE, *NOTHING_YET)]
    wait_until(lambda: fleet.without_data(queries, simulated), HEALTHY_SECONDS)
    assert not [q.where for q in about_trouble() if is_above_zero(fleet, q)]


def test_every_rule_and_annotation_is_evaluated(fleet: Fleet) -> None:
    wait_until(fleet.prometheus.failing_rules, HEALTHY_SECONDS)
    for query in annotation_queries():
        fleet.answers(query, LONE)


def test_two_replicas_show_the_same_as_one(fleet: Fleet, simulated: str) -> None:
    """Equal at one moment is enough: what is doubled or missing is so at every moment."""
    left = {str(query): query for query in joined_queries()}

    def different() -> list[str]:
        for where, query in list(left.items()):
            if fleet.is_the_same_of_one_replica(query, simulated):
                del left[where]
        return list(left)

    wait_until(different, HEALTHY_SECONDS)


def test_no_column_of_a_table_has_two_values_for_one_row(fleet: Fleet, simulated: str) -> None:
    for table in (panel for panel in panels() if panel.type == "table"):
        columns = [q for q in panel_queries() if q.where.startswith(f"{table} /")]
        wait_until(partial(fleet.without_data, columns, simulated), HEALTHY_SECONDS)
        rows = [[s.labels for s in fleet.answers(column, simulated)] for column in columns]
        key = set[str].intersection(*(set(labels[0]) for labels in rows))
        for column, labels in zip(columns, rows, strict=True):
            named = {tuple(row.get(label) for label in key) for row in labels}
            assert len(named) == len(labels), column


def test_trouble_shows(fleet: Fleet) -> None:
    """A miner leaves for good, a source goes silent, and peers send what they should not."""
    belongs = f'job_source_name:stratum_proxy_belongs:hours{{name="{LONE}"}}'
    mined = Query("it has mined", belongs, instant=True)
    with connected(fleet.proxy_port) as translator, connected(fleet.pool_port) as pool:
        say(translator, hello("by-hand"), miner_snapshot(LONE))
        wait_until(lambda: fleet.without_data([mined], LONE), HEALTHY_SECONDS)
        say(translator, miner_snapshot())
        say(pool, hello("leaving"), connection_snapshot())
        pool.close()
        wait_until(lambda: not_shown(fleet), TROUBLED_SECONDS)


def not_shown(fleet: Fleet) -> list[str]:
    misbehave(fleet)  # again each time, since a rate shows only what goes on
    quiet = [query.where for query in about_trouble() if not is_above_zero(fleet, query)]
    annotations = [
        query
        for query in annotation_queries()
        if 'severity="critical"' not in query.expression or not is_replaced(fleet)
    ]
    return quiet + fleet.without_data(annotations, LONE)


def is_replaced(fleet: Fleet) -> bool:
    """Whether the source that leaves counts as renamed, which is no critical alert.

    That needs to know how many sources there are usually, by looks on the five-minute marks of the
    clock. The test may have one behind it, or none.
    """
    replaced = 'job_source:stats_gateway_source:replaced{source="leaving"}'
    return bool(fleet.answers(Query("it is replaced", replaced, instant=True), LONE))


def misbehave(fleet: Fleet) -> None:
    """As a sender of the time before snapshots, one of nonsense, and one that cannot count."""
    with connected(fleet.pool_port) as sender:
        say(sender, {"type": "ShareSubmitted", "downstream_id": 1, "timestamp": 1})
    with connected(fleet.pool_port) as sender:
        say(sender, *[{"Nonsense": {}}] * 16)
    with connected(fleet.pool_port) as sender:
        say(sender, hello("negative"), connection_snapshot(-1.0))


def choices() -> list[Query]:
    """What each variable offers, as a query: one sample for each choice."""
    pairs = [(query.where, *query.label_values) for query in variable_queries()]
    return [
        Query(w, f"group by ({label}) ({selector})", instant=True) for w, selector, label in pairs
    ]


def about_trouble() -> list[Query]:
    return [query for query in panel_queries() if query.where in ABOUT_TROUBLE]


def is_above_zero(fleet: Fleet, query: Query) -> bool:
    return any(sample.value > 0 for sample in fleet.answers(query, LONE))


def miner_snapshot(*names: str) -> dict[str, object]:
    now = int(time.time())
    rows = [
        {
            "downstream_id": row,
            "name": name,
            "hashrate": 2e14,
            "shares_submitted": 90,
            "connected_at": now - 60,
        }
        for row, name in enumerate(names, 1)
    ]
    return {"MinerSnapshot": {"miners": rows, "timestamp": now}}


def connection_snapshot(*hashrates: float) -> dict[str, object]:
    now = int(time.time())
    rows = [
        {
            "downstream_id": row,
            "connection_type": "Translator",
            "hashrate": hashrate,
            "shares_submitted": 0,
            "channels": [],
            "connected_at": now,
        }
        for row, hashrate in enumerate(hashrates, 1)
    ]
    return {"ConnectionSnapshot": {"connections": rows, "timestamp": now}}


def hello(source: str) -> dict[str, object]:
    return {"Hello": {"source": source, "interval": 60.0}}
