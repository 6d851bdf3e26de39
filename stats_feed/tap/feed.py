"""This module is `stats-feed tap`: it passes on, reads, and sends snapshots until stopped."""

import contextlib
import threading
import time
from functools import partial
from typing import Protocol

from stats_feed.gateways import Gateways, Handles, Service
from stats_feed.health import Health, SourceHealth
from stats_feed.tap.access.tls import upstream_context
from stats_feed.tap.books.counts import Counts
from stats_feed.tap.books.families import families
from stats_feed.tap.loops import run as run_loop
from stats_feed.tap.options import TapOptions
from stats_feed.tap.setting_up import certificate, listening, pass_on, prepare_process
from stats_feed.tap.workers.assembly import Assembly
from stats_feed.tap.workers.crew import Crew
from stats_gateway.sender import MinerSnapshot, MinerTracker, Outgoing, SnapshotLoop


def check(options: TapOptions) -> None:
    """Look at the files that the options name. Raises WrongSourceError."""
    certificate(options)
    upstream_context(options.upstream_ca)


def run(options: TapOptions, gateways: Gateways, health: Health, stop: threading.Event) -> None:
    """Pass on and send until `stop` is set. Raises OSError, WrongSourceError."""
    source_health = health.add_source(options.source)
    upstreams = [upstream.name for upstream in options.upstreams]
    told = partial(families, source=options.source, upstreams=upstreams)
    addresses = gateways.addresses(Service.PROXY, options.to)

    def open_gateways() -> Handles:
        return gateways.open(addresses, source=options.source, interval=options.common.interval)

    if options.workers > 1:
        assembly = Assembly()
        health.add_families(lambda: told(assembly.counts()))
        with (
            Crew(options, assembly) as crew,
            _Sending(assembly, source_health, open_gateways()),
        ):
            crew.work(stop)
        return
    options = prepare_process(options)
    tracker, counts = MinerTracker(redact_ip=options.redact_ip), Counts()
    health.add_families(lambda: told(counts))
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listening(options, *one)) for one in options.listen]
        stack.enter_context(_Sending(tracker, source_health, open_gateways()))
        run_loop(pass_on(options, tracker, counts, listeners, stop, drain=lambda: options.drain))


class _Miners(Protocol):
    """What knows all miners: the tracker of this process, or the assembly of several."""

    changed: threading.Event

    def snapshot(self, now: float) -> MinerSnapshot:
        """Return everything at `now`, in unix seconds."""


class _Sending(contextlib.ExitStack):
    """Sends a tracker's snapshots, and a last one in the end: what has been counted until then."""

    def __init__(self, tracker: _Miners, health: SourceHealth, handles: Handles) -> None:
        super().__init__()
        watched = _Watched(tracker, health)

        def send_last() -> None:
            last = Outgoing(watched.snapshot(time.time()))
            for handle in handles:
                handle.send(last)

        self.callback(send_last)
        self.enter_context(SnapshotLoop(watched, *handles))


class _Watched:
    """A tracker whose snapshots are noted as readings of the source."""

    def __init__(self, tracker: _Miners, health: SourceHealth) -> None:
        self.changed = tracker.changed
        self._tracker = tracker
        self._health = health

    def snapshot(self, now: float) -> MinerSnapshot:
        """Return everything that the tracker has at `now`."""
        began = time.monotonic()
        snapshot = self._tracker.snapshot(now)
        self._health.rows = len(snapshot["miners"])
        self._health.succeeded(now, time.monotonic() - began)
        return snapshot
