"""This module reads copies of what was passed on: later, in batches, in small slices of time."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from stats_feed.tap.books.sessions import Session
from stats_feed.tap.reader.facts import Direction

DELAY_SECONDS = 0.002
"""Between a copy and its reading, together with those that follow: the bytes are out by then.
Later, a reading would fall together with the next share more often, which would wait for it."""

SLICE_SECONDS = 0.0001
"""Reading gives way to passing on after so long."""

PIECE_BYTES = 4096
"""Read at once: some tens of lines, which are a few slices."""

MAX_COPIED_BYTES = 32 * 1024 * 1024
"""Copies that wait to be read, on all connections: a job for 10,000 miners and more. A connection
that goes beyond is read no more until half of this is left: a flood waits, and nobody else."""

COPY_BYTES = 200
"""What a copy takes besides its bytes."""

Copy = tuple[Session, Direction | None, bytes, float]
"""A session, which way its bytes went and when they were read; no way where the session ended."""


class LateReading:
    """Copies on their way to their sessions, in the order in which they were read."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._copies: deque[Copy] = deque()
        self._bytes = 0
        self._is_due = False
        self._waiting: list[Callable[[], None]] = []

    def put(self, session: Session, direction: Direction, data: bytes, began: float) -> bool:
        """Take the copy of `data`, which was read at `began` and has been passed on.

        Tells whether that was too much: then `call_when_read`.
        """
        self._append((session, direction, data, began))
        return self._bytes > MAX_COPIED_BYTES

    def call_when_read(self, callback: Callable[[], None]) -> None:
        """Call back once there is room for more copies."""
        self._waiting.append(callback)

    def end(self, session: Session) -> None:
        """Close `session` once all of its copies have been read."""
        self._append((session, None, b"", time.perf_counter()))

    def read_all(self) -> None:
        """Read what is left, at once."""
        self._read(until=float("inf"))

    def _append(self, copy: Copy) -> None:
        self._copies.append(copy)
        self._bytes += len(copy[2]) + COPY_BYTES
        if not self._is_due:
            self._is_due = True
            self._loop.call_later(DELAY_SECONDS, self._turn)

    def _turn(self) -> None:
        self._is_due = False
        self._read(until=time.perf_counter() + SLICE_SECONDS)
        if self._copies:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _read(self, until: float) -> None:
        unix = self._clock() - time.perf_counter()
        while self._copies:
            session, direction, data, began = self._copies.popleft()
            self._bytes -= len(data) + COPY_BYTES
            if direction is None:
                session.close()
            else:
                session.read(direction, data[:PIECE_BYTES], unix + began)
                if len(data) > PIECE_BYTES:
                    rest = data[PIECE_BYTES:]
                    self._copies.appendleft((session, direction, rest, began))
                    self._bytes += len(rest) + COPY_BYTES
            if time.perf_counter() > until:
                break
        if self._waiting and self._bytes <= MAX_COPIED_BYTES // 2:
            waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()
