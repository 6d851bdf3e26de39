"""This module cuts the bytes of one direction into lines, however they are split."""

import re
from collections.abc import Iterator

from stats_feed.tap.reader.facts import Unreadable
from stats_feed.tap.reader.room import Room

MAX_LINE_BYTES = 64 * 1024
"""SRI reads lines of at most 65,536 bytes, and ckpool of 1,024; a job with a large coinbase
transaction has a few thousand."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
"""What no line of JSON begins with."""
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PRI) |HTTP/\d")


class Lines:
    """The lines of one direction; `room` is the bytes that all directions may keep together.

    What begins like another protocol is not read any further, and tells so once.
    """

    __slots__ = ("_has_begun", "_is_blind", "_is_skipping", "_partial", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._partial = b""
        self._is_skipping = False
        self._is_blind = False
        self._has_begun = False
        """Whether there has been a line that is not empty."""

    def feed(self, data: bytes) -> Iterator[bytes | Unreadable]:
        """Yield each line that `data` completes, without its newline, or why there is none."""
        if self._is_blind:
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._has_begun and not (self._partial or self._is_skipping):
                yield from _whole(line)
                continue
            yield from self._continue(line)
            yield from self._end_line()
            if self._is_blind:
                return
        yield from self._continue(rest)

    def close(self) -> None:
        """Forget what has been kept of a line."""
        self._keep(b"")

    def _continue(self, piece: bytes) -> Iterator[Unreadable]:
        """Add `piece` to the line that has begun."""
        if self._is_skipping or not piece or self._is_blind:
            return
        line = self._partial + piece if self._partial else piece
        if not self._has_begun and _NO_TEXT.match(line):
            yield self._turn_blind(Unreadable.BINARY)
        elif len(line) > MAX_LINE_BYTES or not self._keep(line):
            yield from self._skip(line[:MAX_LINE_BYTES])

    def _skip(self, line: bytes) -> Iterator[Unreadable]:
        self._keep(b"")
        if not self._has_begun and (other := _other_protocol(line)):
            yield self._turn_blind(other)
            return
        self._has_begun = self._is_skipping = True
        yield Unreadable.TOO_LONG

    def _end_line(self) -> Iterator[bytes | Unreadable]:
        line, self._is_skipping = self._partial, False
        self._keep(b"")
        if self._is_blind or not line or line == b"\r":
            return
        if not self._has_begun:
            if other := _other_protocol(line):
                yield self._turn_blind(other)
                return
            self._has_begun = True
        yield line

    def _keep(self, line: bytes) -> bool:
        """Keep `line` instead of what is kept, where there is room for it."""
        more = len(line) - len(self._partial)
        if not self._room.take(more):
            return False
        self._partial = line
        return True

    def _turn_blind(self, why: Unreadable) -> Unreadable:
        self._keep(b"")
        self._is_blind = True
        return why


def _whole(line: bytes) -> Iterator[bytes | Unreadable]:
    if len(line) > MAX_LINE_BYTES:
        yield Unreadable.TOO_LONG
    elif line and line != b"\r":
        yield line


def _other_protocol(line: bytes) -> Unreadable | None:
    """Tell which protocol the first line of a direction belongs to, where it is not ours."""
    if _HTTP.match(line):
        return Unreadable.HTTP
    return Unreadable.BINARY if _CONTROL.search(line.rstrip(b"\r")) else None
