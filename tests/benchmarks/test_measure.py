"""A whole run at tiny sizes: that everything is measured and told, never how fast it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import write
from benchmarks.bounds import bounds
from benchmarks.common.fleet import Change, Shape
from benchmarks.common.programs import find
from benchmarks.measure import Part, Results, measure
from benchmarks.plan import Plan
from benchmarks.report import report, table
from benchmarks.services.prometheus import Scrapes
from benchmarks.services.sri import Kind

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
    peer_passes=1,
    push_passes=1,
    fleet_sources=2,
    fleet_miners=100,
    fleet_rounds=1,
    rules=Scrapes(shape=Shape.FULL, services=1, miners=200, every=1, past=True, seconds=1.0),
    scale=(Scrapes(shape=Shape.PLAIN, services=2, miners=300, every=1, past=False, seconds=1.0),),
    sri_clients=20,
    sri_polls=1,
    sri_interval=0.5,
    tap_miners=(10,),
    tap_rounds=(1,),
    tap_seconds=0.2,
)


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(TINY, lambda _: None)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_every_shape_and_size_is_measured_warm_cold_and_with_churn(results: Results) -> None:
    measured = [(one.shape, one.miners, one.change) for one in results.cycles]
    assert measured == [
        (shape, size, change) for shape in Shape for size in TINY.sizes for change in Change
    ]
    for one in results.cycles:
        assert one.total.wall > 0
        assert one.unavoidable_ratio > 0
        assert 0 < one.gzip_bytes < one.text_bytes


def test_every_part_of_the_plan_leaves_figures_of_every_shape(results: Results) -> None:
    assert [one.shape for one in results.ratios] == list(Shape)
    for service in results.service:
        assert service.memory.peak >= service.memory.resident > 0
        assert service.cycle_cpu > 0
        assert service.identity.bytes > service.gzip.bytes > 0
    for stalls in results.stalls:
        assert stalls.loop.max >= stalls.loop.p50
    (crowd,) = results.crowd
    assert crowd.snapshots > 0
    assert crowd.refused == 0
    assert all(one.cpu_ratio > 0 for one in results.peers)
    assert bool(results.pushgateway) == (find("prometheus-pushgateway") is not None)
    assert [(one.sources, one.miners) for one in results.fleet] == [(2, 100)] * len(Shape)
    for measured in (results.rules, results.scale):
        assert bool(measured) == (find("prometheus") is not None)
        for one in measured:
            assert one.series > one.samples > one.scrapes.services * 1000
            assert one.failed == 0
    assert [one.kind for one in results.sri] == list(Kind)
    assert all(one.cpu > 0 and one.requests > 0 for one in results.sri)
    (tap,) = results.tap
    assert {"direct", "tap"} <= tap.ways.keys()
    assert tap.ways["tap"].broadcast > 0
    for figures in (results.service, results.stalls, results.fleet):
        assert [one.shape for one in figures] == list(Shape)


def test_a_part_is_measured_on_its_own_and_the_bounds_of_others_are_not_judged() -> None:
    said: list[str] = []
    alone = measure(replace(TINY, sizes=(20,)), said.append, [Part.CYCLES])
    assert said == ["cycles"]
    verdicts = [bound.holds for bound in bounds(alone)]
    assert verdicts.count(None) == len(verdicts) - 3
    assert "The service" not in "".join(report(alone, bounds(alone)))


def test_the_report_has_a_table_for_each_part_and_a_verdict_for_each_bound(
    results: Results,
) -> None:
    held = bounds(results)
    text = "\n".join(report(results, held))
    for title in (
        "One cycle",
        "The service",
        "Waiting",
        "Many small",
        "Several large",
        "sri",
        "Between 10",
        "Bounds",
    ):
        assert title in text
    verdicts = text[text.index("\nBounds\n") :]
    measured = [bound for bound in held if bound.holds is not None]
    assert verdicts.count("PASS") + verdicts.count("FAIL") == len(measured)


def test_a_run_on_a_busy_host_says_so(results: Results) -> None:
    assert results.machine is not None
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
