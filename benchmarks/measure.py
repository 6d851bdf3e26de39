"""Runs the measurements of a plan, one after the other, and gathers what they found."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.alternatives.peers import PeerFigures, measure_peer
from benchmarks.alternatives.pushgateway import NAME, PushFigures, measure_pushgateway
from benchmarks.alternatives.tap.measuring import TapFigures, measure_tap
from benchmarks.common.fleet import Shape
from benchmarks.common.machine import Machine, Watch
from benchmarks.common.programs import find
from benchmarks.cycles.cycle import CycleFigures, CycleRatios, cycle_ratios, measure_cycles
from benchmarks.plan import Plan
from benchmarks.services.crowd import CrowdFigures, measure_crowd
from benchmarks.services.prometheus import (
    PrometheusFigures,
    Scrapes,
    measure_prometheus,
)
from benchmarks.services.service import (
    FleetFigures,
    ServiceFigures,
    measure_fleet,
    measure_service,
)
from benchmarks.services.sri import Kind, SriFigures, measure_sri
from benchmarks.services.stalls import StallFigures, measure_stalls


class Part(StrEnum):
    """What can be measured on its own."""

    CYCLES = "cycles"
    SERVICE = "service"
    STALLS = "stalls"
    CROWD = "crowd"
    PEERS = "peers"
    PUSHGATEWAY = "pushgateway"
    FLEET = "fleet"
    RULES = "rules"
    SCALE = "scale"
    SRI = "sri"
    TAP = "tap"


@dataclass(slots=True, kw_only=True)
class Results:
    """All that one run measured; a list is empty where its part was left out."""

    plan: Plan
    machine: Machine | None = None
    seconds: float = 0.0
    cycles: list[CycleFigures] = field(default_factory=list)
    ratios: list[CycleRatios] = field(default_factory=list)
    service: list[ServiceFigures] = field(default_factory=list)
    stalls: list[StallFigures] = field(default_factory=list)
    crowd: list[CrowdFigures] = field(default_factory=list)
    peers: list[PeerFigures] = field(default_factory=list)
    pushgateway: list[PushFigures] = field(default_factory=list)
    """Empty, too, where Pushgateway is not installed."""
    fleet: list[FleetFigures] = field(default_factory=list)
    rules: list[PrometheusFigures] = field(default_factory=list)
    """Empty, too, where Prometheus is not installed."""
    scale: list[PrometheusFigures] = field(default_factory=list)
    """Empty, too, where Prometheus is not installed."""
    sri: list[SriFigures] = field(default_factory=list)
    tap: list[TapFigures] = field(default_factory=list)


def measure(
    plan: Plan, say: Callable[[str], None], parts: Collection[Part] = tuple(Part)
) -> Results:
    """Run the `parts` of `plan`; `say` is told the name of what is measured next."""
    began, watch, results = time.monotonic(), Watch(), Results(plan=plan)
    for part in Part:
        if part in parts:
            say(part)
            _MEASURE[part](plan, results)
    results.machine, results.seconds = watch.machine(), time.monotonic() - began
    return results


def _cycles(plan: Plan, results: Results) -> None:
    results.cycles = measure_cycles(plan.sizes, plan.rounds)
    results.ratios = cycle_ratios(results.cycles)


def _service(plan: Plan, results: Results) -> None:
    results.service = [
        measure_service(
            shape, plan.service_miners, plan.service_cycles, plan.scrapes, plan.memory_cycles
        )
        for shape in Shape
    ]


def _stalls(plan: Plan, results: Results) -> None:
    results.stalls = [
        measure_stalls(shape, plan.service_miners, plan.stall_cycles) for shape in Shape
    ]


def _crowd(plan: Plan, results: Results) -> None:
    results.crowd = [
        measure_crowd(
            plan.crowd_senders, plan.crowd_miners, plan.crowd_interval, plan.crowd_seconds
        )
    ]


def _peers(plan: Plan, results: Results) -> None:
    contests = [("gauges", shape) for shape in Shape] + [("collector", Shape.FULL)]
    results.peers = [
        measure_peer(contestant, shape, plan.peer_miners, plan.peer_passes)
        for contestant, shape in contests
    ]


def _pushgateway(plan: Plan, results: Results) -> None:
    program = find(NAME)
    if program is not None:
        results.pushgateway = [
            measure_pushgateway(program, shape, plan.service_miners, plan.push_passes)
            for shape in Shape
        ]


def _fleet(plan: Plan, results: Results) -> None:
    results.fleet = [
        measure_fleet(shape, plan.fleet_sources, plan.fleet_miners, plan.fleet_rounds)
        for shape in Shape
    ]


def _rules(plan: Plan, results: Results) -> None:
    results.rules = _scraped(plan.rules)


def _scale(plan: Plan, results: Results) -> None:
    results.scale = _scraped(*plan.scale)


def _scraped(*scrapes: Scrapes) -> list[PrometheusFigures]:
    program = find("prometheus")
    if program is None or find("promtool") is None:
        return []
    return [measure_prometheus(program, one) for one in scrapes]


def _sri(plan: Plan, results: Results) -> None:
    results.sri = [
        measure_sri(kind, plan.sri_clients, plan.sri_polls, plan.sri_interval) for kind in Kind
    ]


def _tap(plan: Plan, results: Results) -> None:
    results.tap = [
        measure_tap(miners, rounds, plan.tap_seconds)
        for miners, rounds in zip(plan.tap_miners, plan.tap_rounds, strict=True)
    ]


_MEASURE: dict[Part, Callable[[Plan, Results], None]] = {
    Part.CYCLES: _cycles,
    Part.SERVICE: _service,
    Part.STALLS: _stalls,
    Part.CROWD: _crowd,
    Part.PEERS: _peers,
    Part.PUSHGATEWAY: _pushgateway,
    Part.FLEET: _fleet,
    Part.RULES: _rules,
    Part.SCALE: _scale,
    Part.SRI: _sri,
    Part.TAP: _tap,
}
