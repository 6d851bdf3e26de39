"""This module runs the tap on an event loop: it listens, joins, sweeps, and drains in the end."""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stats_feed.health import Address
from stats_feed.tap.books.counts import Ending
from stats_feed.tap.passing.doorway import Doorway
from stats_feed.tap.passing.link import Link
from stats_feed.tap.passing.sockets import Accepting

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
"""How often connections are looked through for those that are stuck or silent."""

SWEPT_AT_ONCE = 32
"""Connections that are looked at before bytes are passed on again."""

CLOSE_SECONDS, CLOSE_LOOKS = 1.0, 100
"""How long the end waits for peers to take what has been read for them, and how often it looks."""

REPORT_SECONDS = 10.0
"""How often the log tells how many miners are left while the tap drains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long connections may last in which nothing happens, in seconds; None is for ever."""

    silent: float | None = 900.0
    """Neither side writes anything. Pools announce a job every minute or more often."""
    first_bytes: float = 60.0
    """The miner has never written anything."""
    stuck: float = 60.0
    """One side takes nothing of what waits for it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; `tls` gives the context of the next handshake where it speaks TLS."""

    socket: socket.socket
    tls: Callable[[], ssl.SSLContext] | None = None


async def serve(
    doorway: Doorway,
    listeners: Sequence[Listener],
    stop: asyncio.Event,
    *,
    drain: Callable[[], float] = lambda: 0.0,
    patience: Patience | None = None,
) -> None:
    """Serve until `stop` is set and the miners have left, or as many seconds later as
    `drain` says then."""
    joining: set[asyncio.Task[None]] = set()
    accepting = [_accept(doorway, listener, joining) for listener in listeners]
    sweeping = asyncio.create_task(_sweep(doorway, patience or Patience()))
    try:
        await stop.wait()
        for one in accepting:
            one.stop()
        await _drain(doorway, drain)
    finally:
        for one in accepting:
            one.stop()
        await _cancel([sweeping, *joining])
        await _close(doorway)


def _accept(doorway: Doorway, listener: Listener, joining: set[asyncio.Task[None]]) -> Accepting:
    def take(connection: socket.socket, peer: Address) -> None:
        task = asyncio.create_task(doorway.take_in(connection, peer, listener.tls))
        joining.add(task)
        task.add_done_callback(joining.discard)

    return Accepting(listener.socket, take)


async def _drain(doorway: Doorway, seconds: Callable[[], float]) -> None:
    """Wait until the miners have left by themselves, and tell how many are still there."""
    began = time.monotonic()
    told = None
    while doorway.counts.connections and (left := began + seconds() - time.monotonic()) > 0:
        if told is None or time.monotonic() - told >= REPORT_SECONDS:
            told = time.monotonic()
            logger.info(
                "draining: %d miners are left, for %.0f s more", doorway.counts.connections, left
            )
        await asyncio.sleep(min(0.1, left))
    if doorway.counts.connections:
        logger.info("closing the connections of %d miners", doorway.counts.connections)


async def _close(doorway: Doorway) -> None:
    """Close all connections, once they have written what they hold, and read the last copies."""
    for link in list(doorway.links):
        link.close()
    for _ in range(CLOSE_LOOKS):
        if doorway.links:
            await asyncio.sleep(CLOSE_SECONDS / CLOSE_LOOKS)
    for link in list(doorway.links):
        link.abort()
    await asyncio.sleep(0)  # let them end
    await asyncio.sleep(0)
    doorway.reading.read_all()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sweep(doorway: Doorway, patience: Patience) -> None:
    while True:
        await asyncio.sleep(min(SWEEP_SECONDS, patience.first_bytes / 4, patience.stuck / 4))
        for number, link in enumerate(list(doorway.links), 1):
            why = _why_end(link, patience)
            if why is not None:
                link.end(why)
            else:
                link.expire(time.time())
            if number % SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)


def _why_end(link: Link, patience: Patience) -> Ending | None:
    now = time.monotonic()
    stuck = [one.stuck_since for one in (link.miner, link.pool) if one.stuck_since is not None]
    if stuck and now - min(stuck) >= patience.stuck:
        return Ending.NOT_TAKEN
    if stuck:
        return None
    silent = time.perf_counter() - link.last_at
    if patience.silent is not None and silent >= patience.silent:
        return Ending.SILENT
    if not link.miner.has_spoken and now - link.began >= patience.first_bytes:
        return Ending.NEVER_SPOKE
    return None
