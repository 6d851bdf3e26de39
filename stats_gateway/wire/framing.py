"""Cuts the bytes of a connection into the bytes of whole messages, without input or output.

There is a decoder for each encoding. On the wire the message `{}` looks like this:

    a frame of MessagePack      00 00 00 01 80     (the length in four bytes, then the message)
    a line of JSON              7b 7d 0a           (the message, then a line break)

A decoder never holds more than one unfinished message.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.wire.encoding import Encoding

LENGTH_BYTES = 4
"""A frame starts with its payload's length, unsigned and big-endian."""

_JSON_STARTS = b"{ \t\r\n"
"""No frame begins like this: as a length, the smallest of these is over 150 MB."""

_BLANK_LINES = re.compile(rb"(?:[ \t\r]*+\n)*+")
_BLANK = re.compile(rb"[ \t\r]*+")

Item = bytearray | MessageRefused
"""The bytes of a message, or the refusal of a message that had to be dropped."""


class Framing(Protocol):
    """The methods that the two decoders have in common."""

    encoding: Encoding

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take in `data`; gives the messages it completes. Raises `ConnectionRefused`."""

    @property
    def buffered(self) -> int:
        """Bytes held of an unfinished message."""


def framing_for(first_byte: int, max_message_bytes: int) -> Framing:
    """The decoder for a connection that begins with `first_byte`."""
    if first_byte in _JSON_STARTS:
        return LineDecoder(max_message_bytes)
    return FrameDecoder(max_message_bytes)


def encode_frame(payload: bytes) -> bytes:
    """`payload` with its length before it."""
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


class FrameDecoder:
    """Decodes frames. After a length over the limit the next frame cannot be found any more."""

    encoding = Encoding.FRAMES

    def __init__(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes
        self._buffer = bytearray()
        self._length: int | None = None

    def __repr__(self) -> str:
        return f"<FrameDecoder {len(self._buffer)} of {self._length} bytes>"

    @property
    def buffered(self) -> int:
        """Bytes held of an unfinished frame, its length included."""
        return len(self._buffer) + (0 if self._length is None else LENGTH_BYTES)

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take in `data`; gives the payloads it completes.

        Raises `ConnectionRefused` for a length over the limit, before any of that frame is kept.
        """
        self._buffer += data
        while self._has_length() and self._length is not None:
            if len(self._buffer) < self._length:
                return
            yield self._take(self._length)
            self._length = None

    def _has_length(self) -> bool:
        if self._length is None and len(self._buffer) >= LENGTH_BYTES:
            self._length = self._read_length()
            del self._buffer[:LENGTH_BYTES]
        return self._length is not None

    def _read_length(self) -> int:
        length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if length > self._max:
            self._buffer.clear()
            raise ConnectionRefused(
                ConnectionReason.FRAME_TOO_LARGE,
                f"a frame of {length} bytes is over the limit of {self._max}",
            )
        return length

    def _take(self, length: int) -> bytearray:
        if len(self._buffer) == length:
            payload, self._buffer = self._buffer, bytearray()
            return payload
        payload = self._buffer[:length]
        del self._buffer[:length]
        return payload


class LineDecoder:
    """Decodes lines of JSON. A line that is too long is dropped up to its line break."""

    encoding = Encoding.JSON_LINES

    def __init__(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes
        self._buffer = bytearray()
        self._dropping = False

    def __repr__(self) -> str:
        return f"<LineDecoder {len(self._buffer)} bytes{', dropping' * self._dropping}>"

    @property
    def buffered(self) -> int:
        """Bytes held of an unfinished line."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take in `data`; gives the lines it completes, and a refusal for one over the limit."""
        start = self._skip_blank(data, 0)
        while (end := data.find(b"\n", start)) >= 0:
            yield from self._end_line(data[start:end])
            start = self._skip_blank(data, end + 1)
        yield from self._extend(data[start:])

    def _skip_blank(self, data: bytes, start: int) -> int:
        """Where the next line begins: a run of blank lines is passed over in one call."""
        if self._buffer or self._dropping:
            return start
        blank = _BLANK_LINES.match(data, start)
        return blank.end() if blank else start

    def _extend(self, piece: bytes) -> Iterator[Item]:
        if self._dropping:
            return
        if len(self._buffer) + len(piece) > self._max:
            self._dropping = True
            self._buffer = bytearray()
            yield MessageRefused(Reason.LINE_TOO_LONG, f"a line is over the limit of {self._max}")
            return
        self._buffer += piece

    def _end_line(self, piece: bytes) -> Iterator[Item]:
        yield from self._extend(piece)
        if self._dropping:
            self._dropping = False
            return
        line, self._buffer = self._buffer, bytearray()
        if not _BLANK.fullmatch(line):
            yield line
