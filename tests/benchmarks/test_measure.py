"""A whole run at tiny sizes: that everything is measured and told, never how fast it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import write
from benchmarks.bounds import bounds
from benchmarks.measure import measure
from benchmarks.plan import Plan
from benchmarks.alternatives.pushgateway import find_pushgateway
from benchmarks.report import report, table
from benchmarks.results import Results

TINY = Plan(
    sizes=(20, 200),
    rounds=1,
    service_miners=200,
    service_cycles=1,
    scrapes=1,
    memory_cycles=1,
    stall_cycles=1,
    crowd_senders=5,
    crowd_miners=10,
    crowd_interval=0.2,
    crowd_seconds=0.5,
    peer_miners=20,
    gauge_passes=1,
    collector_passes=1,
    push_passes=1,
    fleet_sources=2,
    fleet_miners=100,
)


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(TINY, lambda _: None)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_every_size_is_measured_warm_cold_with_churn_and_as_json(results: Results) -> None:
    kinds = ["warm", "cold", "churn", "warm, JSON"]
    measured = [(one.miners, one.name) for one in results.cycles]
    assert measured == [(size, kind) for size in TINY.sizes for kind in kinds]
    for one in results.cycles:
        assert one.total.wall > 0
        assert 0 < one.gzip_bytes < one.text_bytes


def test_every_part_of_the_plan_leaves_figures(results: Results) -> None:
    assert results.service.memory.peak >= results.service.memory.resident > 0
    assert results.service.cycle_cpu > 0
    assert results.service.identity.bytes > results.service.gzip.bytes > 0
    assert results.stalls.loop.max >= results.stalls.loop.p50
    assert results.crowd.snapshots > 0
    assert results.crowd.refused == 0
    assert results.gauges.cpu_ratio > 0
    assert results.collector.cpu_ratio > 0
    assert (results.pushgateway is None) == (find_pushgateway() is None)
    assert results.fleet is not None
    assert (results.fleet.sources, results.fleet.miners) == (2, 100)


def test_the_report_has_a_table_for_each_part_and_a_verdict_for_each_bound(
    results: Results,
) -> None:
    held = bounds(results)
    text = "\n".join(report(results, held))
    for title in ("One cycle", "The service", "Waiting", "Many small", "Several large", "Bounds"):
        assert title in text
    verdicts = text[text.index("\nBounds\n") :]
    measured = [bound for bound in held if bound.holds is not None]
    assert verdicts.count("PASS") + verdicts.count("FAIL") == len(measured)


def test_a_run_on_a_busy_host_says_so(results: Results) -> None:
    for stolen, said in ((0.0, False), (0.25, True)):
        machine = replace(results.machine, stolen=stolen)
        text = "\n".join(report(replace(results, machine=machine), bounds(results)))
        assert ("kept 25% of the processor time" in text) == said


def test_results_are_written_as_json_with_their_verdicts(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    held = bounds(results)
    write(results, held, path)
    document = json.loads(path.read_bytes())
    assert document["results"]["plan"]["sizes"] == [20, 200]
    assert [bound["holds"] for bound in document["bounds"]] == [bound.holds for bound in held]


def test_a_table_lines_up_text_to_the_left_and_figures_to_the_right() -> None:
    rows = [("name", "ms"), ("a", "10.5"), ("longer", "1.0")]
    assert table("Title", rows) == "Title\n-----\nname      ms\na       10.5\nlonger   1.0\n"
