"""This is the sender's half of the wire: messages to frames, and the gateway's answers from bytes.

A frame is a 4-byte big-endian length, then one MessagePack map with one key, the message's name.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

import msgpack

from stats_gateway.sender.errors import AnswerError, EncodeError
from stats_gateway.sender.snapshots import Snapshot

# The gateway closes a connection that declares more, so sending it would fail for ever.
MAX_FRAME = 64 * 1024 * 1024

# A version or a reason is a line of text. More means that this is no gateway.
MAX_ANSWER = 64 * 1024

_LENGTH = Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who sends: its `source` label, and the seconds between its snapshots."""

    source: str
    interval: float
    token: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The gateway takes this sender's snapshots."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The gateway does not, and closes the connection."""

    reason: str


Answer = Welcome | Refusal


def encode_hello(hello: Hello) -> bytes:
    """Return the frame of a `Hello`, without the fields that are None."""
    fields = {
        "source": hello.source,
        "interval": hello.interval,
        "token": hello.token,
        "version": hello.version,
    }
    return _frame("Hello", {name: value for name, value in fields.items() if value is not None})


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the frame of a whole snapshot. Raises EncodeError."""
    return _frame("MinerSnapshot" if "miners" in snapshot else "ConnectionSnapshot", snapshot)


class Outgoing:
    """A snapshot on its way to one or several gateways, encoded once, when the first one takes it.

    While no gateway is there, nothing is encoded.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._lock = threading.Lock()
        self._snapshot = snapshot
        self._frame: bytes | None = None

    def frame(self) -> bytes:
        """Return the frame of the whole snapshot. Raises EncodeError."""
        with self._lock:
            if self._frame is None:
                self._frame = encode_snapshot(self._snapshot)
                # The frame is all that is needed from here on: the rows need not stay in memory.
                del self._snapshot
            return self._frame


def _frame(name: str, fields: Mapping[str, object]) -> bytes:
    packer = msgpack.Packer(autoreset=False, unicode_errors="replace")
    try:
        packer.pack_map_header(1)
        packer.pack(name)
        packer.pack_map_header(len(fields))
        for key, value in fields.items():
            packer.pack(key)
            _pack_value(packer, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise EncodeError(f"cannot encode the message: {error}") from error
    payload: bytes = packer.bytes()
    if len(payload) > MAX_FRAME:
        raise EncodeError(f"the message has {len(payload)} bytes, a frame at most {MAX_FRAME}")
    return _LENGTH.pack(len(payload)) + payload


def _pack_value(packer: msgpack.Packer, value: object) -> None:
    if not isinstance(value, list):
        packer.pack(value)
        return
    # Row by row: one call for 100,000 rows would hold the interpreter lock, and with it every
    # thread that accepts shares, for a fifth of a second.
    packer.pack_array_header(len(value))
    for row in value:
        packer.pack(row)


class AnswerDecoder:
    """Bytes in, answers out; holds at most one answer's bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Answer]:
        """Return the answers that `data` completes. Raises AnswerError.

        Messages with other names are skipped: a newer gateway may have more to say.
        """
        self._buffer += data
        answers: list[Answer] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_ANSWER:
                raise AnswerError(f"an answer of {length} bytes: this is no stats gateway")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            answer = _answer(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
            if answer is not None:
                answers.append(answer)
        return answers


def _answer(payload: bytes) -> Answer | None:
    try:
        message: object = msgpack.unpackb(payload)
    except ValueError as error:
        raise AnswerError("the answer is not MessagePack: this is no stats gateway") from error
    match message:
        case {"Welcome": {"version": str(version)}}:
            return Welcome(version=version)
        case {"Error": {"reason": str(reason)}}:
            return Refusal(reason=reason)
        case _:
            return None
