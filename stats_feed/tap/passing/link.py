"""This module joins a miner's connection and its pool's: each byte of one goes out on the other.

What one side does not take is not read from the other one. An end that one side announces is passed
on, and the other direction goes on.
"""

import asyncio
import time
from collections.abc import Callable
from socket import socket
from typing import cast

from stats_feed.tap.books.counts import Counts, Ending
from stats_feed.tap.books.sessions import Session
from stats_feed.tap.passing.reading import LateReading
from stats_feed.tap.reader.facts import Direction

HIGH_WATER_BYTES = 64 * 1024
"""What one side has not taken, beyond the kernel's buffers, before the other is read no more."""

MAX_HELD_BYTES = 256 * 1024 * 1024
"""The same of all connections together. The one that goes beyond is closed."""


class Side(asyncio.Protocol):
    """One of the two connections of a link. `direction` is the way of the bytes that it reads."""

    __slots__ = (
        "_early", "_held", "_link", "_send", "_waits", "_way", "has_ended", "has_spoken", "is_lost",
        "other", "stuck_since", "transport",
    )  # fmt: skip

    other: "Side"

    def __init__(self, link: "Link", direction: Direction) -> None:
        self._link = link
        self._way = direction
        self._early: list[bytes] = []
        """What was read before the other side was there."""
        self._held = 0
        self._waits = False
        """Whether too much of what was read here still waits to be understood."""
        self.transport: asyncio.Transport | None = None
        self._send: Callable[[bytes], int] | None = None
        self.has_spoken = False
        self.has_ended = False
        self.is_lost = False
        self.stuck_since: float | None = None
        """Since when more has been waiting to be written here than may."""

    def write_directly(self, connection: socket) -> None:
        """Let bytes be written without the transport, which has no TLS to make others of them.

        uvloop's own writes wait until it has read everything else that has come in meanwhile.
        """
        self._send = connection.send

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: write what the other side has sent already."""
        self.transport = cast("asyncio.Transport", transport)
        if self._link.is_over:
            self.transport.abort()
            return
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        other = self.other
        for data in other.take_early():
            self.write(data)
        other.read_again()
        if other.has_ended:
            self.pass_end_on()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on first, and have a copy of them read later."""
        began = time.perf_counter()
        if self.other.transport is not None:
            self.other.write(data)
        elif self.transport is not None:
            self._early.append(data)
            self.transport.pause_reading()
            self._link.hold(len(data))
        self.has_spoken = True
        self._link.copy(self, self._way, data, began)

    def take_early(self) -> list[bytes]:
        """Return what was read before the other side was there, and forget it."""
        early, self._early = self._early, []
        self._link.hold(-sum(map(len, early)))
        return early

    def write(self, data: bytes) -> None:
        """Write at once what the kernel takes at once, and let the transport write the rest."""
        transport = cast("asyncio.Transport", self.transport)
        if self._send is not None and not transport.get_write_buffer_size():
            try:
                sent = self._send(data)
            except OSError:  # it is full, or broken, which the transport finds out too
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    def wait(self, is_read: Callable[[Callable[[], None]], None]) -> None:
        """Read no more until the copies have been read: there are too many."""
        if self.transport is not None and not (self._waits or self.transport.is_closing()):
            self._waits = True
            self.transport.pause_reading()
            is_read(self._stop_waiting)

    def _stop_waiting(self) -> None:
        self._waits = False
        self.read_again()

    def eof_received(self) -> bool:
        """Pass the end of this direction on; the connection stays while the other one lasts."""
        self.has_ended = True
        self.other.pass_end_on()
        # TLS has no end of one direction.
        can_go_on = self.transport is not None and self.transport.can_write_eof()
        return can_go_on and not self.other.has_ended

    def pass_end_on(self) -> None:
        """End the direction that is written here, and the connection when both have ended."""
        if self.transport is not None and not self.transport.is_closing():
            if self.transport.can_write_eof() and not self.has_ended:
                self.transport.write_eof()
            else:
                self.transport.close()  # which writes what is left first

    def pause_writing(self) -> None:
        """Read no more of the other side: this one does not take it."""
        self.stuck_since = time.monotonic()
        if self.transport is not None:
            self._held = self.transport.get_write_buffer_size()
        reader = self.other.transport
        if reader is not None and not reader.is_closing():
            reader.pause_reading()
        self._link.hold(self._held)

    def resume_writing(self) -> None:
        """Read the other side again."""
        self._release()
        self.other.read_again()

    def read_again(self) -> None:
        """Go on reading where it was paused, unless there is another reason for the pause."""
        transport = self.transport
        if transport is None or transport.is_closing() or self.has_ended:
            return
        can_write = self.other.transport is not None and self.other.stuck_since is None
        if can_write and not self._waits:
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Close the other side too, once it has written what this one has sent."""
        self._release()
        self.take_early()
        self.is_lost = True
        if self.other.transport is not None:
            self.other.transport.close()
        self._link.lost(self)

    def abort(self) -> None:
        """Drop the connection with what is left to be written."""
        if self.transport is not None:
            self.transport.abort()

    def _release(self) -> None:
        self.stuck_since = None
        self._link.hold(-self._held)
        self._held = 0


class Link:
    """A miner and its pool. `on_end` is told once, when nothing of the link is left."""

    __slots__ = (
        "_counts", "_on_end", "_reading", "_session", "began", "is_over",
        "last_at", "miner", "pool",
    )  # fmt: skip

    def __init__(
        self,
        session: Session,
        reading: LateReading,
        counts: Counts,
        on_end: Callable[["Link"], None],
    ) -> None:
        self._session = session
        self._reading = reading
        self._counts = counts
        self._on_end = on_end
        self.is_over = False
        self.miner = Side(self, Direction.TO_POOL)
        self.pool = Side(self, Direction.TO_MINER)
        self.miner.other, self.pool.other = self.pool, self.miner
        self.began = time.monotonic()
        self.last_at = time.perf_counter()
        """When the newest bytes were read, by the performance counter."""

    def copy(self, side: Side, direction: Direction, data: bytes, began: float) -> None:
        """Have `data` understood, which `side` has read at `began`, and has passed on."""
        counts = self._counts
        counts.added.observe(time.perf_counter() - began)
        counts.bytes[direction] += len(data)
        self.last_at = began
        if self._reading.put(self._session, direction, data, began):
            side.wait(self._reading.call_when_read)

    def hold(self, more: int) -> None:
        """Count what waits to be written, and close this link where that is too much."""
        self._counts.held_bytes += more
        if more > 0 and self._counts.held_bytes > MAX_HELD_BYTES:
            self.end(Ending.TOO_MUCH_HELD)

    def expire(self, unix: float) -> None:
        """Let time pass over the session, in unix seconds."""
        self._session.expire(unix)

    def end(self, why: Ending) -> None:
        """Drop both connections."""
        self._counts.ended[why] += 1
        self.abort()

    def close(self) -> None:
        """Close both connections once they have written what they hold."""
        for side in (self.miner, self.pool):
            if side.transport is not None:
                side.transport.close()

    def abort(self) -> None:
        """Drop both connections."""
        self.miner.abort()
        self.pool.abort()

    def lost(self, side: Side) -> None:
        """Note that one side is gone. The link is over when the other one is gone or never was."""
        is_other_there = side.other.transport is not None and not side.other.is_lost
        if self.is_over or is_other_there:
            return
        self.is_over = True
        self._reading.end(self._session)
        self._on_end(self)
