"""This module runs the simulation in real time: two models drive two trackers, which are sent."""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random, SystemRandom

from stats_feed.gateways import Gateways
from stats_feed.health import Health
from stats_feed.simulate.agenda import Agenda
from stats_feed.simulate.fleet import Fleet, FleetPlan
from stats_feed.simulate.options import SimulateOptions
from stats_feed.simulate.pool import LISTEN_ADDRESS, Pool, PoolPlan
from stats_gateway.sender import (
    DownstreamTracker,
    MinerTracker,
    SnapshotLoop,
    StatsHandle,
)

logger = logging.getLogger(__name__)

# Seconds between two looks at what has become due: shares carry their own times.
TICK = 0.25
REPORT_EVERY = 60.0


class World:
    """A translator and the pool it works for. The same seed and times give the same world."""

    def __init__(self, options: SimulateOptions, seed: int) -> None:
        self.miners = MinerTracker()
        self.connections = DownstreamTracker(listen_address=LISTEN_ADDRESS)
        self.agenda = Agenda()
        # One source of chance each, so that a change of the pool leaves the fleet as it was.
        self.fleet = Fleet(
            self.agenda,
            Random(f"{seed} fleet"),  # noqa: S311 - a simulation, nothing secret
            self.miners,
            FleetPlan(
                miners=options.miners,
                shares_per_minute=options.shares_per_minute,
                churn=options.churn,
                troubled=options.troubled,
            ),
        )
        self.pool = Pool(
            self.agenda,
            Random(f"{seed} pool"),  # noqa: S311 - a simulation, nothing secret
            self.connections,
            self.fleet,
            PoolPlan(
                translators=options.translators,
                fleet_name=options.proxy_source,
                troubled=options.troubled,
            ),
        )

    def start(self, now: float) -> None:
        """Connect everything at `now`, in unix seconds."""
        self.fleet.start(now)
        self.pool.start(now)


def run(
    options: SimulateOptions,
    gateways: Gateways,
    health: Health,  # noqa: ARG001 - every feed's signature; nothing is read here
    stop: threading.Event,
) -> None:
    """Run until `stop` is set or the duration is over."""
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    logger.info(
        "simulating %d miners and %d translators, seed %d",
        options.miners,
        options.translators,
        seed,
    )
    world = World(options, seed)
    world.start(time.time())
    with ExitStack() as stack:
        handles: dict[str, Sequence[StatsHandle]] = {}
        for name, tracker, addresses, source in (
            ("stats-proxy", world.miners, options.proxy, options.proxy_source),
            ("stats-pool", world.connections, options.pool, options.pool_source),
        ):
            if addresses:
                handles[name] = gateways.open(
                    addresses, source=source, interval=options.common.interval
                )
                stack.enter_context(SnapshotLoop(tracker, *handles[name]))
        _run(world, handles, options.duration, stop)
        _report(world, handles)


def _run(
    world: World,
    handles: dict[str, Sequence[StatsHandle]],
    duration: float | None,
    stop: threading.Event,
) -> None:
    began = time.monotonic()
    reported = began
    while not stop.wait(TICK):
        world.agenda.run_until(time.time())
        now = time.monotonic()
        if duration is not None and now - began >= duration:
            return
        if now - reported >= REPORT_EVERY:
            _report(world, handles)
            reported = now


def _report(world: World, handles: dict[str, Sequence[StatsHandle]]) -> None:
    logger.info(
        "%d miners with %.1f TH/s, %d pool connections",
        len(world.miners),
        world.fleet.hashrate / 1e12,
        len(world.connections),
    )
    for name, statistics in (
        (name, handle.statistics()) for name, each in handles.items() for handle in each
    ):
        logger.info(
            "%s: %s, %d snapshots sent, %d failures, last error: %s",
            name,
            "connected" if statistics.connected else "NOT CONNECTED",
            statistics.sent,
            statistics.failures,
            statistics.last_error or "none",
        )
