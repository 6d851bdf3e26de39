"""The protocol of one connection without input or output: encoding, framing and deadlines."""

from collections.abc import Iterator

import msgspec

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused
from stats_gateway.limits import Limits
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.framing import Framing, Item, encode_frame, framing_for
from stats_gateway.wire.messages import Error, Welcome


class Session:
    """Turns bytes into messages and says when to close the connection. Times are monotonic."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._framing: Framing | None = None
        self._silent_seconds = limits.silent_seconds
        self._refusals = 0
        self._last_message = now
        self._message_began = now

    def __repr__(self) -> str:
        return f"<Session {self._framing!r}, {self._refusals} refusals in a row>"

    @property
    def encoding(self) -> Encoding:
        """The encoding of the peer; frames as long as the peer wrote nothing."""
        return Encoding.FRAMES if self._framing is None else self._framing.encoding

    @property
    def buffered(self) -> int:
        """Bytes held of an unfinished message."""
        return 0 if self._framing is None else self._framing.buffered

    def feed(self, data: bytes, now: float) -> Iterator[Item]:
        """Take in `data`, not empty; gives what it completes. Raises `ConnectionRefused`."""
        if self._framing is None:
            self._framing = framing_for(data[0], self._limits.max_message_bytes)
        if not self._framing.buffered:
            self._message_began = now
        for item in self._framing.feed(data):
            self._last_message = now
            self._message_began = now
            yield item

    def deadline(self) -> tuple[float, ConnectionReason]:
        """When the connection must be closed unless more arrives, and why."""
        if self.buffered:
            return self._message_began + self._limits.frame_seconds, ConnectionReason.SLOW_FRAME
        return self._last_message + self._silent_seconds, ConnectionReason.SILENT

    def waited(self, seconds: float) -> None:
        """The peer is not to blame for `seconds` in which nothing was read from it."""
        self._message_began += seconds
        self._last_message += seconds

    def allow_silence(self, seconds: float) -> None:
        """A sender that declared a long interval is given `seconds` where that is more."""
        self._silent_seconds = max(self._silent_seconds, seconds)

    def accepted(self) -> None:
        """The last message was good."""
        self._refusals = 0

    def refused(self, refusal: MessageRefused) -> None:
        """The last message was refused. Raises `ConnectionRefused` once that is too many."""
        self._refusals += 1
        if self._refusals >= self._limits.max_refusals_in_row:
            raise ConnectionRefused(
                ConnectionReason.TOO_MANY_REFUSALS,
                f"{self._refusals} messages in a row were refused, the last one as {refusal}",
            )

    def encode(self, answer: Welcome | Error) -> bytes:
        """`answer` in the peer's own encoding."""
        message = {type(answer).__name__: answer}
        if self.encoding is Encoding.JSON_LINES:
            return msgspec.json.encode(message) + b"\n"
        return encode_frame(msgspec.msgpack.encode(message))
