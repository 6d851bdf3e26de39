"""Measures how long a service keeps others waiting while it takes in and renders snapshots."""

import sys
import time
from dataclasses import dataclass

import msgspec

from benchmarks.common.cost import Spread, spread
from benchmarks.common.fleet import Shape
from benchmarks.common.programs import Program
from benchmarks.common.running import COARSE_POLL_SECONDS, Feed, running_service
from benchmarks.services.probe import Probed
from benchmarks.services.ticking import Tick

TICKING = (sys.executable, "-m", "benchmarks.services.ticking")


@dataclass(frozen=True, slots=True, kw_only=True)
class StallFigures:
    """Seconds, during cycles that each end with a scrape."""

    shape: Shape
    miners: int
    cycles: int
    answers: Spread
    """Of `/-/healthy`, asked from another process."""
    machine: Spread
    """How late that process was woken: what is the machine's doing, not the service's."""
    loop: Spread
    """How late a task on the service's own event loop had its turn."""
    busy: Spread
    """For how much of that the service itself was computing."""


def measure_stalls(shape: Shape, miners: int, cycles: int) -> StallFigures:
    """The same cycles twice: once watched from outside, once from inside."""
    with running_service() as service, Feed(service, miners, shape) as feed:
        feed.warm_up()
        _, web = service.addresses
        with Program("services.probe", *map(str, web)) as probe:
            probe.read(str)
            _run_cycles(feed, cycles)
            probed = probe.end(Probed)
    with running_service(TICKING) as service, Feed(service, miners, shape) as feed:
        feed.warm_up()
        spans = _run_cycles(feed, cycles)
        ticks = msgspec.json.decode(service.stop(), type=list[Tick])
    during = [tick for tick in ticks if any(begin < tick.at < end for begin, end in spans)]
    return StallFigures(
        shape=shape,
        miners=miners,
        cycles=cycles,
        answers=spread(probed.latencies),
        machine=spread(probed.lateness),
        loop=spread(tick.late for tick in during),
        busy=spread(tick.busy for tick in during),
    )


def _run_cycles(feed: Feed, cycles: int) -> list[tuple[float, float]]:
    """When each cycle, its scrape included, began and ended; monotonic seconds."""
    spans = []
    for _ in range(cycles):
        feed.prepare()
        began = time.monotonic()
        feed.cycle(COARSE_POLL_SECONDS)
        feed.scraper.get("/metrics")
        spans.append((began, time.monotonic()))
    return spans
