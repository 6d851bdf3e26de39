"""Decoding with a second chance, and rows a batch at a time.

A large snapshot is decoded in batches: no call holds the interpreter for longer than a few
milliseconds, so the event loop's thread gets its turn, and a batch's columns are read off while it
is still in the processor's cache.
"""

import re
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_REPAIR_BYTES, MAX_ROWS
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.lenient import repair_json, repair_msgpack

BATCH_ROWS = 512
"""About 100 KB of message: small enough for the cache, large enough to cost nothing per batch."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Decoder(Protocol[T_co]):
    def decode(self, buf: bytes | bytearray, /) -> T_co: ...


class _Encoder(Protocol):
    def encode(self, obj: object, /) -> bytes: ...


class TypedDecoder(Generic[T]):
    """Decodes one type from one encoding, and repairs what common encoders get wrong."""

    def __init__(self, encoding: Encoding, type_: type[T]) -> None:
        self._decoder: _Decoder[T]
        if encoding is Encoding.JSON_LINES:
            self._decoder, self._repair = msgspec.json.Decoder(type_), repair_json
        else:
            self._decoder, self._repair = msgspec.msgpack.Decoder(type_), repair_msgpack

    def decode(self, payload: bytes | bytearray) -> T:
        """The value that `payload` is. Raises `MessageRefused`."""
        try:
            return self._decoder.decode(payload)
        except msgspec.ValidationError as error:
            raise _refusal(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._decode_repaired(payload, error)
        except (RecursionError, MemoryError) as error:
            raise MessageRefused(Reason.MALFORMED, str(error) or "out of memory") from error

    def _decode_repaired(self, payload: bytes | bytearray, error: Exception) -> T:
        if len(payload) > MAX_REPAIR_BYTES:
            raise MessageRefused(Reason.MALFORMED, str(error)) from error
        try:
            return self._decoder.decode(self._repair(payload))
        except msgspec.ValidationError as after_repair:
            raise _refusal(after_repair) from after_repair
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise MessageRefused(Reason.MALFORMED, str(error)) from error


class RowDecoder(Generic[T]):
    """Decodes rows that a message was split into."""

    def __init__(self, encoding: Encoding, type_: type[T]) -> None:
        self._encoder: _Encoder
        if encoding is Encoding.JSON_LINES:
            self._encoder = msgspec.json.Encoder()
        else:
            self._encoder = msgspec.msgpack.Encoder()
        self._decoder = TypedDecoder(encoding, list[type_])  # type: ignore[valid-type]  # a type made from a value

    def batches(self, rows: list[Raw]) -> Iterator[list[T]]:
        """The rows, up to `BATCH_ROWS` at a time. Raises `MessageRefused` at the first bad one."""
        for start in range(0, len(rows), BATCH_ROWS):
            try:
                # A list of raw rows is encoded as the array of them, each as it is.
                batch = self._encoder.encode(rows[start : start + BATCH_ROWS])
                yield self._decoder.decode(batch)
            except MessageRefused as refusal:
                raise MessageRefused(refusal.reason, _numbered(refusal.detail, start)) from refusal


def _numbered(detail: str, start: int) -> str:
    """`detail` with the row's number in the whole message instead of in its batch."""
    return re.sub(r"\$\[(\d+)\]", lambda match: f"row {start + int(match[1])}", detail)


def _refusal(error: msgspec.ValidationError) -> MessageRefused:
    detail = str(error)
    too_many = f"of length <= {MAX_ROWS}" in detail
    return MessageRefused(Reason.TOO_MANY_ROWS if too_many else Reason.MALFORMED, detail)
