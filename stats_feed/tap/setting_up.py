"""This module puts together what passes bytes on, out of the options, and runs it."""

import asyncio
import contextlib
import logging
import resource
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from stats_feed.health import Address
from stats_feed.tap.access.admission import Admission
from stats_feed.tap.access.tls import Certificate, upstream_context
from stats_feed.tap.books.counts import Counts
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.options import TapOptions
from stats_feed.tap.passing.doorway import Doorway
from stats_feed.tap.passing.reading import LateReading
from stats_feed.tap.passing.service import Listener, Patience, serve
from stats_feed.tap.passing.sockets import listen
from stats_feed.tap.passing.upstreams import Upstream, Upstreams
from stats_gateway.sender import MinerTracker

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0001
"""How long the thread that makes a snapshot may keep the one that passes bytes on waiting. It takes
a tenth of a second for 10,000 rows, every ten seconds: Python's own 5 ms would be what one share of
a hundred waits."""


RESERVED_FILES = 64
"""Open files that miners do not get: for listeners, gateways, scrapes, and name resolution."""


def prepare_process(options: TapOptions) -> TapOptions:
    """Let threads give way soon, and raise this process's bound of open files.

    Return the options with as many miners at most as the files are enough for.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted, enough = options.admission.max_connections, max(1, (hard - RESERVED_FILES) // 2)
    if hard == resource.RLIM_INFINITY or wanted <= enough:
        return options
    logger.warning(
        "this process may have %d open files: it lets in %d miners at most", hard, enough
    )
    return replace(options, admission=replace(options.admission, max_connections=enough))


async def pass_on(
    options: TapOptions,
    tracker: MinerTracker,
    counts: Counts,
    listeners: Sequence[Listener],
    stop: threading.Event,
    *,
    drain: Callable[[], float],
    first_id: int = 1,
    step: int = 1,
) -> None:
    """Pass on until `stop` is set and the miners have left, or as many seconds later as `drain`
    says then. The rows are numbered `first_id`, `first_id + step`, and so on.

    Raises WrongSourceError.
    """
    doorway = doorway_for(options, tracker, counts, first_id=first_id, step=step)
    patience = Patience(silent=options.silent)
    await serve(doorway, listeners, _as_event(stop), drain=drain, patience=patience)


def doorway_for(
    options: TapOptions, tracker: MinerTracker, counts: Counts, *, first_id: int = 1, step: int = 1
) -> Doorway:
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
        book=Book(
            tracker,
            counts,
            redact_names=options.redact_names,
            first_id=first_id,
            step=step,
        ),
        reading=LateReading(asyncio.get_running_loop()),
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
def listening(
    options: TapOptions,
    address: Address,
    tls: bool,  # noqa: FBT001 - a pair of the options
    *,
    shared: bool = False,
) -> Iterator[Listener]:
    """Listen on one of the addresses that the options name, `shared` with other processes.

    Raises OSError, WrongSourceError.
    """
    own = certificate(options) if tls else None
    with listen(address, shared=shared) as listener:
        host, port = listener.getsockname()[:2]
        kind = "TLS" if tls else "plain"
        names = ", ".join(upstream.name for upstream in options.upstreams)
        logger.info("listening on %s:%d for miners (%s), upstream: %s", host, port, kind, names)
        yield Listener(listener, None if own is None else own.context)


def certificate(options: TapOptions) -> Certificate | None:
    """Read the certificate that the options name. Raises WrongSourceError."""
    if options.certificate is None or options.key is None:
        return None
    return Certificate(options.certificate, options.key)
