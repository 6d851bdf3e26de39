"""This module is `stats-feed tap`: it puts the parts together, passes on, and sends snapshots."""

import asyncio
import contextlib
import logging
import resource
import sys
import threading
import time
from collections.abc import Iterator

from stats_feed.gateways import Gateways, Service
from stats_feed.health import Health, SourceHealth
from stats_feed.tap.access.admission import Admission
from stats_feed.tap.access.tls import Certificate, upstream_context
from stats_feed.tap.books.counts import Counts
from stats_feed.tap.books.families import families
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.loops import run as run_loop
from stats_feed.tap.options import TapOptions
from stats_feed.tap.passing.doorway import Doorway
from stats_feed.tap.passing.reading import LateReading
from stats_feed.tap.passing.service import Listener, Patience, serve
from stats_feed.tap.passing.sockets import listen
from stats_feed.tap.passing.upstreams import Upstream, Upstreams
from stats_gateway.sender import MinerSnapshot, MinerTracker, SnapshotLoop

__all__ = ["check", "doorway_for", "listening", "run"]

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long the thread that makes a snapshot may keep the one that passes bytes on waiting; Python's
own 5 ms would be seen in the latency of every connection."""


def check(options: TapOptions) -> None:
    """Look at the files that the options name. Raises WrongSourceError."""
    _certificate(options)
    upstream_context(options.upstream_ca)


def run(options: TapOptions, gateways: Gateways, health: Health, stop: threading.Event) -> None:
    """Pass on and send until `stop` is set. Raises OSError, WrongSourceError."""
    sys.setswitchinterval(SWITCH_SECONDS)
    _allow_descriptors(2 * options.admission.max_connections)
    tracker, counts = MinerTracker(redact_ip=options.redact_ip), Counts()
    source_health = health.add_source(options.source)
    health.add_families(lambda: families(counts))
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listening(options, *one)) for one in options.listen]
        addresses = gateways.addresses(Service.PROXY, options.to)
        interval = options.common.interval
        handles = gateways.open(addresses, source=options.source, interval=interval)
        stack.enter_context(SnapshotLoop(_Watched(tracker, source_health), *handles))
        run_loop(_serve(options, tracker, counts, listeners, stop))


async def _serve(
    options: TapOptions,
    tracker: MinerTracker,
    counts: Counts,
    listeners: list[Listener],
    stop: threading.Event,
) -> None:
    doorway = doorway_for(options, tracker, counts)
    patience = Patience(silent=options.silent)
    await serve(doorway, listeners, _as_event(stop), drain=options.drain, patience=patience)


def doorway_for(options: TapOptions, tracker: MinerTracker, counts: Counts) -> Doorway:
    """Put together what miners come in by, on the running loop. Raises WrongSourceError."""

    def note_upstream(upstream: Upstream, connected: bool) -> None:  # noqa: FBT001 - a callback
        tracker.upstream(upstream.name, connected=connected)

    return Doorway(
        admission=Admission(options.admission),
        upstreams=Upstreams(
            options.upstreams,
            counts,
            tls=upstream_context(options.upstream_ca),
            on_state=note_upstream,
        ),
        book=Book(tracker, counts, redact_names=options.redact_names),
        reading=LateReading(asyncio.get_running_loop(), counts.added),
        counts=counts,
        links=set(),
        proxies=options.proxies,
        proxy_out=options.proxy_out,
    )


def _as_event(stop: threading.Event) -> asyncio.Event:
    """Return an event of this loop that is set when `stop` is."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        stop.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(event.set)

    threading.Thread(target=wait, name="stop", daemon=True).start()
    return event


@contextlib.contextmanager
def listening(options: TapOptions, address: tuple[str, int], tls: bool) -> Iterator[Listener]:  # noqa: FBT001 - a pair of the options
    """Listen on one of the addresses that the options name. Raises OSError, WrongSourceError."""
    certificate = _certificate(options) if tls else None
    with listen(address) as listener:
        host, port = listener.getsockname()[:2]
        kind = "TLS" if tls else "plain"
        names = ", ".join(upstream.name for upstream in options.upstreams)
        logger.info("listening on %s:%d for miners (%s), upstream: %s", host, port, kind, names)
        yield Listener(listener, None if certificate is None else certificate.context)


def _certificate(options: TapOptions) -> Certificate | None:
    if options.certificate is None or options.key is None:
        return None
    return Certificate(options.certificate, options.key)


def _allow_descriptors(wanted: int) -> None:
    """Raise this process's bound of open files, and say so where it is less than what is wanted."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < wanted:
        logger.warning(
            "this process may have %d open files, which is enough for %d miners", hard, hard // 2
        )


class _Watched:
    """A tracker whose snapshots are noted as readings of the source."""

    def __init__(self, tracker: MinerTracker, health: SourceHealth) -> None:
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
