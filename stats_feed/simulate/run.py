"""This module runs the simulation in real time: two models drive two trackers, which are sent."""

import logging
import threading
import time
from collections.abc import Sequence
from random import Random, SystemRandom

from stats_feed.gateways import Gateways, Handles
from stats_feed.health import Address, Health
from stats_feed.simulate.agenda import Agenda
from stats_feed.simulate.commands import Command, Commands
from stats_feed.simulate.fleet import Fleet, FleetPlan
from stats_feed.simulate.options import SimulateOptions
from stats_feed.simulate.pool import LISTEN_ADDRESS, Pool, PoolPlan
from stats_gateway.sender import (
    DownstreamTracker,
    MinerTracker,
    SnapshotLoop,
    Tracker,
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


class Sender:
    """One tracker and its connections, which can be closed and opened again."""

    def __init__(
        self,
        name: str,
        tracker: Tracker,
        gateways: Gateways,
        addresses: Sequence[Address],
        *,
        source: str,
        interval: float,
    ) -> None:
        self.name = name
        self.handles: Handles = ()
        self._tracker = tracker
        self._gateways = gateways
        self._addresses = addresses
        self._source = source
        self._interval = interval
        self._loop: SnapshotLoop | None = None

    def open(self) -> None:
        """Connect, and send snapshots from now on."""
        if self._addresses:
            self.handles = self._gateways.open(
                self._addresses, source=self._source, interval=self._interval
            )
            self._loop = SnapshotLoop(self._tracker, *self.handles)

    def close(self) -> None:
        """Disconnect, as a program does that ends."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        for handle in self.handles:
            handle.close()


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
    world.start(time.time() if options.began is None else options.began)
    world.agenda.run_until(time.time())
    translator, pool = senders = [
        Sender(name, tracker, gateways, addresses, source=source, interval=options.common.interval)
        for name, tracker, addresses, source in (
            ("stats-proxy", world.miners, options.proxy, options.proxy_source),
            ("stats-pool", world.connections, options.pool, options.pool_source),
        )
    ]
    commands = Commands()
    if options.commands:
        commands.listen()
    try:
        for sender in senders:
            sender.open()
        _run(world, translator, pool, commands, options.duration, stop)
        _report(world, senders)
    finally:
        for sender in senders:
            sender.close()


def _run(
    world: World,
    translator: Sender,
    pool: Sender,
    commands: Commands,
    duration: float | None,
    stop: threading.Event,
) -> None:
    began = time.monotonic()
    reported = began
    while not stop.wait(TICK):
        for command in commands.pending():
            _obey(command, world, translator)
        world.agenda.run_until(time.time())
        now = time.monotonic()
        if duration is not None and now - began >= duration:
            return
        if now - reported >= REPORT_EVERY:
            _report(world, (translator, pool))
            reported = now


def _obey(command: Command, world: World, translator: Sender) -> None:
    if command is Command.UNPLUG:
        logger.info("unplugged %s", world.fleet.unplug())
    elif world.fleet.stopped:
        world.fleet.resume(time.time())
        translator.open()
        logger.info("started the translator")
    else:
        world.fleet.stop()
        translator.close()
        logger.info("stopped the translator")


def _report(world: World, senders: Sequence[Sender]) -> None:
    logger.info(
        "%d miners with %.1f TH/s, %d pool connections",
        len(world.miners),
        world.fleet.hashrate / 1e12,
        len(world.connections),
    )
    for sender in senders:
        for handle in sender.handles:
            statistics = handle.statistics()
            logger.info(
                "%s: %s, %d snapshots sent, %d failures, last error: %s",
                sender.name,
                "connected" if statistics.connected else "NOT CONNECTED",
                statistics.sent,
                statistics.failures,
                statistics.last_error or "none",
            )
