"""What no service can avoid for a snapshot: to decode, to copy the text once, to compress once."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from isal import isal_zlib

from benchmarks.common.cost import Cost, Stopwatch
from benchmarks.common.fleet import Shape
from exporters.exposition.gzip_parts import LEVEL

PIECE_BYTES = 256 * 1024
"""Compressed at once, as ISA-L is fastest."""


class _Device(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    hashrate: float | None = None
    power: float | None = None
    temperature: float | None = None


class _Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    downstream_id: int
    name: str
    address: str | None
    hashrate: float | None
    shares_submitted: int
    connected_at: int
    shares_rejected: int | None = None
    shares_rejected_by: dict[str, int] | None = None
    work: float | None = None
    last_share_at: int | None = None
    difficulty: float | None = None
    agent: str | None = None
    device: _Device | None = None


class _Snapshot(msgspec.Struct, frozen=True):
    miners: list[_Row]


class _Message(msgspec.Struct, frozen=True):
    snapshot: _Snapshot = msgspec.field(name="MinerSnapshot")


class _Decoder(Protocol):
    def decode(self, buf: memoryview, /) -> object: ...


class Unavoidable:
    """Does the least that can be done with a snapshot."""

    def __init__(self, shape: Shape) -> None:
        self._decoder: _Decoder
        if shape is Shape.JSON:
            self._decoder = msgspec.json.Decoder(_Message)
        else:
            self._decoder = msgspec.msgpack.Decoder(_Message)

    def run(self, payload: bytes | bytearray, text: bytes) -> Mapping[str, Cost]:
        """Decode `payload` to rows that nobody keeps, copy `text`, and compress it."""
        watch = Stopwatch()
        self._decoder.decode(memoryview(payload))
        decode = watch.lap()
        copy = bytearray(text)
        copied = watch.lap()
        stream = isal_zlib.compressobj(LEVEL, wbits=-15)
        view = memoryview(copy)
        for start in range(0, len(view), PIECE_BYTES):
            stream.compress(view[start : start + PIECE_BYTES])
        stream.flush()
        return {"decode": decode, "copy": copied, "compress": watch.lap()}
