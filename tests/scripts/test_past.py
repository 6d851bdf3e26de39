"""The demo's past: what it imports is what the live services tell."""

from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.exposition.body import EVERYTHING, assemble
from exporters.exposition.families import pool, proxy
from exporters.exposition.families.family import Layout, RowsT
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.render import Renderer
from exporters.exposition.text_format import Format
from scripts.demo.backfill import LEFT_OUT, beginning
from scripts.demo.past import DAY, STEP, UPSTREAM_LOST, Past, gone_from
from scripts.demo.scrapes import Scrapes
from stats_gateway.sender import ConnectionSnapshot, MinerSnapshot, Snapshot
from stats_gateway.wire.services import Service
from stats_history.writing.openmetrics import Exposition
from tests.stats_feed.simulate.worlds import FIELD, T0, known, started
from tests.support.senders import Senders

BEGAN = beginning(int(T0), 0)
DAYS = 3
CLOCK = "stats_gateway_source_received_timestamp_seconds"
"""The one family that is told by the service's clock, and not by a snapshot."""

Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


@pytest.fixture(scope="module")
def past() -> list[tuple[int, MinerSnapshot, ConnectionSnapshot]]:
    return list(Past(started(FIELD), BEGAN, 1, DAYS).snapshots())


def samples(text: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items()), one.value)
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name != CLOCK
    }


def told(service: Service, layout: Layout[RowsT], snapshot: Snapshot) -> Samples:
    """What the service exposes of one snapshot, with the labels of a scrape."""
    senders = Senders(service)
    senders.hello(1, "some-1", interval=10.0)
    name = "MinerSnapshot" if service is Service.PROXY else "ConnectionSnapshot"
    senders.send(1, {name: snapshot})
    rendered = Renderer(layout, None).render(senders.store.view)
    body = b"".join(inflate(assemble(rendered, EVERYTHING, Format.TEXT))).decode()
    scrape = {("job", "a-job"), ("instance", "an-instance")}
    return {(name, labels | scrape, value) for name, labels, value in samples(body)}


def imported(service: Service, layout: Layout[RowsT], snapshot: Snapshot, folder: Path) -> Samples:
    scrapes = Scrapes(service, layout, "some-1", job="a-job", instance="an-instance")
    scrapes.scrape(snapshot, snapshot["timestamp"])
    with Exposition(folder) as out:
        scrapes.write(out)
        out.finish(folder / "text")
    return samples((folder / "text").read_text())


def test_what_is_imported_of_a_snapshot_is_what_the_service_exposes_of_it(tmp_path: Path) -> None:
    world = started(FIELD)
    world.agenda.run_until(T0 + 1000)
    miners, connections = world.miners.snapshot(T0 + 1000), world.connections.snapshot(T0 + 1000)
    found = imported(Service.PROXY, proxy.LAYOUT, miners, tmp_path)
    assert found == told(Service.PROXY, proxy.LAYOUT, miners)
    found = imported(Service.POOL, pool.LAYOUT, connections, tmp_path)
    assert found == told(Service.POOL, pool.LAYOUT, connections)


def test_what_is_left_out_of_a_week_is_named_as_the_services_name_it() -> None:
    layouts = (proxy.LAYOUT, pool.LAYOUT)
    families = [(*one.source_families, *one.row_families) for one in layouts]
    assert {one.name for each in families for one in each} >= LEFT_OUT


def test_the_past_ends_when_the_live_fleet_begins_with_the_same_rows(
    past: list[tuple[int, MinerSnapshot, ConnectionSnapshot]],
) -> None:
    at, miners, connections = past[-1]
    live = started(FIELD)
    live.agenda.run_until(T0 + 1)
    assert at == BEGAN - 1
    now = live.miners.snapshot(T0 + 1)["miners"]
    rows = [(row["downstream_id"], row["name"], row["address"]) for row in miners["miners"]]
    assert rows[:-1] == [(row["downstream_id"], row["name"], row["address"]) for row in now]
    assert rows[-1][1] == gone_from(live.fleet.machines)
    ids = {(one["downstream_id"], one["name"]) for one in connections["connections"]}
    there = live.connections.snapshot(T0 + 1)["connections"]
    assert ids == {(one["downstream_id"], one["name"]) for one in there}


def test_hashrate_follows_the_hour_of_the_day_and_the_fleet(
    past: list[tuple[int, MinerSnapshot, ConnectionSnapshot]],
) -> None:
    def mean(hour: int) -> float:
        sums = [
            sum(known(row["hashrate"]) for row in miners["miners"])
            for at, miners, _ in past
            if at % DAY // 3600 == hour and len(miners["miners"]) == FIELD.miners + 1
        ]
        return sum(sums) / len(sums)

    nominal = sum(machine.hashrate for machine in started(FIELD).fleet.machines)
    assert 0.8 < mean(15) / mean(3) < 0.95
    assert mean(3) / nominal == pytest.approx(1 + 1 / FIELD.miners, rel=0.1)


def test_the_past_has_troubles_and_payments_and_counters_that_only_grow(
    past: list[tuple[int, MinerSnapshot, ConnectionSnapshot]],
) -> None:
    empty = [at for at, miners, _ in past if not miners["miners"]]
    assert len(empty) * STEP == UPSTREAM_LOST.seconds
    balances = [miners["wallet"]["balance"] for _, miners, _ in past]
    assert sum(after < before for before, after in pairwise(balances)) == DAYS
    work = [miners["totals"]["work"] for _, miners, _ in past]
    rejected = [miners["totals"]["shares_rejected"] for _, miners, _ in past]
    assert work == sorted(work)
    assert rejected == sorted(rejected)
