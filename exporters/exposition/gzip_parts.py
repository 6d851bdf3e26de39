"""Puts gzip bodies together from parts that were compressed once.

A raw deflate stream that is fully flushed ends on a byte boundary and refers to nothing before it.
So such parts, one after the other in any order, are one stream again. An example with two lines:

    "a 1\\n"     4a 54 30 e4 02 00 00 00 ff ff
    "b 2\\n"     4a 52 30 e2 02 00 00 00 ff ff

The gzip body of both is a header of ten bytes, the first part, the second part, an empty last block
(`03 00`), and the CRC-32 and the length of the whole text (RFC 1952). The CRC is computed from the
CRCs of the parts, so that no text is read again. A body is one gzip member, although several
members would be allowed: some clients stop after the first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isal import isal_zlib

LEVEL = 1
"""ISA-L's level 1: for exposition text as small as its higher ones, several times faster."""

SMALL_BYTES = 64 * 1024
"""Chunks below this size are copied together: to send one costs as much as such a copy."""

_RAW = -15
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
_ZEROS = bytes(1 << 18)
_POLYNOMIAL = 0xEDB88320


@dataclass(frozen=True, slots=True)
class Deflated:
    """A text, compressed in a way that lets it stand anywhere in a stream."""

    chunks: tuple[bytes, ...]
    """The raw deflate data, in pieces."""
    size: int
    """Bytes of the text."""
    crc: int
    """CRC-32 of the text."""


EMPTY = Deflated((), 0, 0)


def deflate(pieces: Iterable[bytes | memoryview]) -> Deflated:
    """The concatenation of `pieces`, which is never held whole."""
    stream = isal_zlib.compressobj(LEVEL, wbits=_RAW)
    size = crc = 0
    compressed = []
    for piece in pieces:
        size += len(piece)
        crc = isal_zlib.crc32(piece, crc)
        compressed.append(stream.compress(piece))
    if not size:
        return EMPTY
    compressed.append(stream.flush(isal_zlib.Z_FULL_FLUSH))
    return Deflated((b"".join(compressed),), size, crc)


def join(parts: Iterable[Deflated]) -> Deflated:
    """The parts as one, their large chunks shared and not copied."""
    chunks: list[bytes] = []
    size = crc = 0
    for part in parts:
        chunks.extend(part.chunks)
        crc = combine_crcs(crc, part.crc, part.size)
        size += part.size
    return Deflated(tuple(_merge_small(chunks)), size, crc)


def _merge_small(chunks: Iterable[bytes]) -> Iterator[bytes]:
    small: list[bytes] = []
    for chunk in chunks:
        if len(chunk) < SMALL_BYTES:
            small.append(chunk)
        else:
            if small:
                yield b"".join(small)
                small = []
            yield chunk
    if small:
        yield b"".join(small)


def combine_crcs(first: int, second: int, second_size: int) -> int:
    """The CRC-32 of two texts one after the other, from the CRC-32 of each.

    CRC-32 is linear: to append a text is to append as many zeros, and then to add the CRC of the
    text. A few zeros are run over. Many zeros are one multiplication by a power of x modulo the
    polynomial, as in zlib's crc32_combine.
    """
    if second_size <= len(_ZEROS):
        zeros = memoryview(_ZEROS)[:second_size]
        return isal_zlib.crc32(zeros, first) ^ isal_zlib.crc32(zeros) ^ second
    return _multiply(_power_of_x(8 * second_size), first) ^ second


def _multiply(first: int, second: int) -> int:
    """The product of two polynomials modulo CRC-32's, coefficients from the highest bit down."""
    product = 0
    for bit in range(31, -1, -1):
        if first >> bit & 1:
            product ^= second
        second = second >> 1 ^ (_POLYNOMIAL if second & 1 else 0)
    return product


def _power_of_x(exponent: int) -> int:
    power, square = 1 << 31, 1 << 30
    while exponent:
        if exponent & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        exponent >>= 1
    return power


def gzip_member(parts: Iterable[Deflated]) -> Iterator[bytes]:
    """The chunks of one gzip member that holds `parts`."""
    size = crc = 0
    yield _HEADER
    for part in parts:
        yield from part.chunks
        crc = combine_crcs(crc, part.crc, part.size)
        size += part.size
    yield _LAST_BLOCK + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def inflate(part: Deflated, piece_bytes: int = 1 << 20) -> Iterator[bytes]:
    """The text of `part`, in pieces of at most `piece_bytes`."""
    stream = isal_zlib.decompressobj(_RAW)
    for chunk in part.chunks:
        text = stream.decompress(chunk, piece_bytes)
        while text:
            yield text
            text = stream.decompress(stream.unconsumed_tail, piece_bytes)
