"""Everything one run measured."""

from dataclasses import dataclass

from benchmarks.services.crowd import CrowdFigures
from benchmarks.cycles.cycle import CycleFigures, CycleRatios
from benchmarks.common.machine import Machine
from benchmarks.alternatives.peers import PeerFigures
from benchmarks.plan import Plan
from benchmarks.alternatives.pushgateway import PushFigures
from benchmarks.services.service import FleetFigures, ServiceFigures
from benchmarks.services.stalls import StallFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    machine: Machine
    plan: Plan
    seconds: float
    cycles: list[CycleFigures]
    ratios: CycleRatios
    service: ServiceFigures
    stalls: StallFigures
    crowd: CrowdFigures
    gauges: PeerFigures
    collector: PeerFigures
    pushgateway: PushFigures | None
    """None where it is not installed."""
    fleet: FleetFigures | None
    """None where it was not asked for."""
