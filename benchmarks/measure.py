"""One run: every measurement of a plan, one after the other."""

import time
from collections.abc import Callable

from benchmarks.services.crowd import measure_crowd
from benchmarks.cycles.cycle import cycle_ratios, measure_cycles
from benchmarks.common.machine import Watch
from benchmarks.alternatives.peers import measure_peer
from benchmarks.plan import Plan
from benchmarks.alternatives.pushgateway import PushFigures, find_pushgateway, measure_pushgateway
from benchmarks.results import Results
from benchmarks.services.service import FleetFigures, measure_fleet, measure_service
from benchmarks.services.stalls import measure_stalls

FLEET_ROUNDS = 3


def measure(plan: Plan, say: Callable[[str], None]) -> Results:
    """Run `plan`; `say` is told what is measured next."""
    began, watch = time.monotonic(), Watch()
    miners = plan.service_miners
    say("cycles")
    cycles = measure_cycles(plan.sizes, plan.rounds)
    say("the service")
    service = measure_service(miners, plan.service_cycles, plan.scrapes, plan.memory_cycles)
    say("stalls")
    stalls = measure_stalls(miners, plan.stall_cycles)
    say("many senders")
    crowd = measure_crowd(
        plan.crowd_senders, plan.crowd_miners, plan.crowd_interval, plan.crowd_seconds
    )
    say("prometheus-client")
    gauges = measure_peer("gauges", "gauges", plan.peer_miners, plan.gauge_passes)
    collector = measure_peer("collector", "collector", plan.peer_miners, plan.collector_passes)
    say("Pushgateway")
    pushgateway = _measure_pushgateway(plan)
    fleet = _measure_fleet(plan, say)
    return Results(
        machine=watch.machine(),
        plan=plan,
        seconds=time.monotonic() - began,
        cycles=cycles,
        ratios=cycle_ratios(cycles),
        service=service,
        stalls=stalls,
        crowd=crowd,
        gauges=gauges,
        collector=collector,
        pushgateway=pushgateway,
        fleet=fleet,
    )


def _measure_pushgateway(plan: Plan) -> PushFigures | None:
    program = find_pushgateway()
    if program is None:
        return None
    return measure_pushgateway(program, plan.service_miners, plan.push_passes)


def _measure_fleet(plan: Plan, say: Callable[[str], None]) -> FleetFigures | None:
    if not plan.fleet_sources:
        return None
    say(f"{plan.fleet_sources} large sources")
    return measure_fleet(plan.fleet_sources, plan.fleet_miners, FLEET_ROUNDS)
