"""Decodes values with a second chance, and the rows of a message one batch after the other.

A large snapshot is decoded in batches: no call holds the interpreter for longer than a few
milliseconds, so the thread of the event loop gets its turn; the columns of a batch are read off
while the batch is in the processor's cache; and a message that is wrong, or too large, is refused
before most of its rows have cost any memory.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import (
    MAX_DETAIL_CHARACTERS,
    MAX_REPAIR_JSON_BYTES,
    MAX_REPAIR_MSGPACK_BYTES,
    MAX_ROW_BYTES,
    MIN_ROW_BYTES,
)
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.lenient import repair_json, repair_msgpack

BATCH_ROWS = 512
"""Small enough for the cache, large enough to cost nothing for each batch."""

BATCH_BYTES = 128 * 1024
"""The same in bytes: about 380 rows with every field."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Bytes = bytes | bytearray | memoryview

_BETWEEN_ROWS = re.compile(rb"(?<=\})\s*+,\s*+(?=\{)")
"""The comma between two JSON objects. Strings and nested arrays may hold the same bytes."""


class _Decoder(Protocol[T_co]):
    def decode(self, buf: Bytes, /) -> T_co: ...


class TypedDecoder(Generic[T]):
    """Decodes one type from one encoding, and repairs what common encoders get wrong."""

    def __init__(self, encoding: Encoding, type_: type[T]) -> None:
        self._decoder: _Decoder[T]
        if encoding is Encoding.JSON_LINES:
            self._decoder, self._repair = msgspec.json.Decoder(type_), repair_json
            self._max_repair_bytes = MAX_REPAIR_JSON_BYTES
        else:
            self._decoder, self._repair = msgspec.msgpack.Decoder(type_), repair_msgpack
            self._max_repair_bytes = MAX_REPAIR_MSGPACK_BYTES

    def decode(self, payload: Bytes) -> T:
        """The value that `payload` encodes. Raises `MessageRefused`."""
        try:
            return self._decoder.decode(payload)
        except msgspec.ValidationError as error:
            raise _refusal(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._decode_repaired(payload, error)
        except (RecursionError, MemoryError) as error:
            raise MessageRefused(Reason.MALFORMED, str(error) or "out of memory") from error

    def decode_strictly(self, payload: Bytes) -> T | None:
        """The value that `payload` encodes; None, and no repair, where `decode` would do more."""
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError):
            return None

    def _decode_repaired(self, payload: Bytes, error: Exception) -> T:
        if len(payload) > self._max_repair_bytes:
            raise _refusal(error) from error
        try:
            return self._decoder.decode(self._repair(bytes(payload)))
        except msgspec.ValidationError as after_repair:
            raise _refusal(after_repair) from after_repair
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise _refusal(error) from error


class RowDecoder(Generic[T]):
    """Decodes the rows of a message, which are one array."""

    def __init__(self, encoding: Encoding, type_: type[T], max_rows: int) -> None:
        self._decode_batches = self._json if encoding is Encoding.JSON_LINES else self._msgpack
        self._max_rows = max_rows
        self._raw_rows = TypedDecoder(encoding, list[Raw])
        self._rows = TypedDecoder(encoding, list[type_])  # type: ignore[valid-type]  # a type made from a value

    def batches(self, array: Raw) -> Iterator[list[T]]:
        """The rows, a batch at a time. Raises `MessageRefused` at the first bad row."""
        count = 0
        for batch in self._decode_batches(memoryview(array)):
            count += len(batch)
            self._check_count(count)
            yield batch

    def _check_count(self, count: int) -> None:
        if count > self._max_rows:
            detail = f"{count} rows or more, and max_rows is {self._max_rows}"
            raise MessageRefused(Reason.TOO_MANY_ROWS, detail)

    def _json(self, array: memoryview) -> Iterator[list[T]]:
        """Cuts the text at commas between rows, and decodes the pieces.

        A cut inside a string or a nested array leaves a piece that does not decode, and the piece
        is made longer. So the pieces that decode are whole rows, in order.
        """
        if array[0] != ord("["):
            yield self._rows.decode(array)
        start, last, size, count = 1, len(array) - 1, BATCH_BYTES, 0
        comma: re.Match[bytes] | None = None
        while count == 0 or comma:
            search = start + size
            comma = _BETWEEN_ROWS.search(array, search, min(search + MAX_ROW_BYTES, last))
            if comma is None and search + MAX_ROW_BYTES < last:
                raise _too_long(count)
            end = comma.start() if comma else last
            piece = b"".join((b"[", array[start:end], b"]"))
            if (batch := self._rows.decode_strictly(piece)) is None:
                if comma and not _is_complete(piece):
                    size *= 2
                    continue
                batch = self._decode_numbered(piece, count)
            yield batch
            if comma is None:
                return
            start, size, count = comma.end(), BATCH_BYTES, count + len(batch)

    def _msgpack(self, array: memoryview) -> Iterator[list[T]]:
        """Lets msgspec find where each row ends, and decodes as many at a time as fit a batch."""
        place, declared = _array_head(array)
        self._check_count(declared)
        if declared * MIN_ROW_BYTES > len(array):
            raise MessageRefused(Reason.MALFORMED, f"{declared} rows in {len(array)} bytes")
        rows = self._raw_rows.decode(array)
        for start in range(0, len(rows), BATCH_ROWS):
            sizes = list(map(len, rows[start : start + BATCH_ROWS]))
            yield from self._msgpack_rows(array[place:], sizes, start)
            place += sum(sizes)

    def _msgpack_rows(
        self, rows: memoryview, sizes: Sequence[int], start: int
    ) -> Iterator[list[T]]:
        """The first of `rows`, of which `sizes` are the bytes; they stand one after the other."""
        size, half = sum(sizes), len(sizes) // 2
        if size > BATCH_BYTES and half:
            yield from self._msgpack_rows(rows, sizes[:half], start)
            yield from self._msgpack_rows(rows[sum(sizes[:half]) :], sizes[half:], start + half)
            return
        if size > MAX_ROW_BYTES:
            raise _too_long(start)
        head = bytes([_ARRAY_16]) + len(sizes).to_bytes(2, "big")
        yield self._decode_numbered(head + rows[:size], start)

    def _decode_numbered(self, piece: bytes, start: int) -> list[T]:
        """The rows of `piece`; a refusal has the number of the row in the whole message."""
        try:
            return self._rows.decode(piece)
        except MessageRefused as refusal:
            detail = re.sub(
                r"\$\[(\d+)\]", lambda match: f"row {start + int(match[1])}", refusal.detail
            )
            raise MessageRefused(refusal.reason, detail) from refusal


_ARRAY_16, _ARRAY_32, _FIX_ARRAY = 0xDC, 0xDD, range(0x90, 0xA0)
"""How a MessagePack array begins: its length follows in 16 or 32 bits, or is in the first byte."""


def _array_head(array: memoryview) -> tuple[int, int]:
    """The bytes of a MessagePack array's head, and the length it says; 0 where it is no array."""
    first = array[0]
    if first in _FIX_ARRAY:
        return 1, first - _FIX_ARRAY.start
    size = {_ARRAY_16: 2, _ARRAY_32: 4}.get(first, 0)
    return 1 + size, int.from_bytes(array[1 : 1 + size], "big")


def _too_long(row: int) -> MessageRefused:
    detail = f"row {row} or one of the next takes more than {MAX_ROW_BYTES} bytes"
    return MessageRefused(Reason.MALFORMED, detail)


def _is_complete(piece: bytes) -> bool:
    """Whether `piece` is one JSON array, whatever is in its strings."""
    try:
        msgspec.json.decode(piece, type=Raw)
    except msgspec.DecodeError:
        return False
    return True


def _refusal(error: Exception) -> MessageRefused:
    """The refusal for `error`; of a text that quotes the peer only both ends are kept."""
    detail = str(error)
    if detail.startswith(_POSITIONAL):
        detail += " (rmp_serde::to_vec writes arrays: use rmp_serde::to_vec_named)"
    reason = Reason.TOO_MANY_ROWS if _TOO_MANY.match(detail) else Reason.MALFORMED
    if len(detail) > MAX_DETAIL_CHARACTERS:
        half = MAX_DETAIL_CHARACTERS // 2 - 3
        detail = f"{detail[:half]} ... {detail[-half:]}"
    return MessageRefused(reason, detail)


_POSITIONAL = "Expected `object`, got `array`"
"""A struct without the names of its fields, as the best-known call of Rust's encoder writes it."""
_TOO_MANY = re.compile(r"Expected `array` of length <= ")
