"""Everything one run measured."""

from dataclasses import dataclass

from benchmarks.crowd import CrowdFigures
from benchmarks.cycle import CycleFigures, CycleRatios
from benchmarks.machine import Machine
from benchmarks.peers import PeerFigures
from benchmarks.plan import Plan
from benchmarks.pushgateway import PushFigures
from benchmarks.service import FleetFigures, ServiceFigures
from benchmarks.stalls import StallFigures


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
