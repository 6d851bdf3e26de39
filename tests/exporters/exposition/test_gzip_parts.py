import gzip
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.exposition.gzip_parts import (
    EMPTY,
    Deflated,
    combine_crcs,
    deflate,
    gzip_member,
    inflate,
    join,
)

pieces = st.lists(st.binary(max_size=200), max_size=6)


def deflated(*texts: bytes) -> list[Deflated]:
    return [deflate([text]) for text in texts]


@given(st.lists(pieces, max_size=6))
def test_parts_join_into_one_gzip_member_of_their_texts(texts: list[list[bytes]]) -> None:
    member = b"".join(gzip_member([deflate(pieces) for pieces in texts]))
    whole = b"".join(b"".join(pieces) for pieces in texts)
    assert gzip.decompress(member) == whole
    stream = zlib.decompressobj(31)
    assert stream.decompress(member) == whole
    assert stream.eof
    assert stream.unused_data == b""


@given(st.permutations(range(4)), st.lists(st.binary(max_size=300), min_size=4, max_size=4))
def test_parts_stand_in_any_order(order: list[int], texts: list[bytes]) -> None:
    parts = deflated(*texts)
    member = b"".join(gzip_member(parts[index] for index in order))
    assert gzip.decompress(member) == b"".join(texts[index] for index in order)


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 64))
def test_joined_parts_inflate_to_their_texts_in_small_pieces(
    texts: list[bytes], piece_bytes: int
) -> None:
    joined = join(deflated(*texts))
    inflated = list(inflate(joined, piece_bytes))
    assert b"".join(inflated) == b"".join(texts)
    assert all(len(piece) <= piece_bytes for piece in inflated)
    assert joined.size == sum(map(len, texts))
    assert joined.crc == zlib.crc32(b"".join(texts))


@pytest.mark.parametrize("size", [0, 1, 257, 258, 259, 1000, 65_536, 100_000])
@pytest.mark.parametrize("piece_bytes", [100, 258, 1000, 65_536])
def test_text_that_compresses_well_inflates_whole(size: int, piece_bytes: int) -> None:
    (part,) = deflated(b"a" * size)
    assert b"".join(inflate(part, piece_bytes)) == b"a" * size


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_crcs_combine(first: bytes, second: bytes) -> None:
    combined = combine_crcs(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@pytest.mark.parametrize("size", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3_000_001])
def test_crcs_of_large_texts_combine(size: int) -> None:
    first, second = b"first", bytes(range(256)) * (size // 256) + bytes(size % 256)
    combined = combine_crcs(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


def test_gzip_itself_finds_nothing_wrong() -> None:
    member = b"".join(gzip_member(deflated(b"some\n" * 1000, b"", b"text\n")))
    subprocess.run(["gzip", "-t"], input=member, check=True, timeout=30)
    found = subprocess.run(
        ["gzip", "-dc"], input=member, check=True, capture_output=True, timeout=30
    )
    assert found.stdout == b"some\n" * 1000 + b"text\n"


def test_nothing_costs_nothing() -> None:
    (part,) = deflated(b"")
    assert part == EMPTY
    assert gzip.decompress(b"".join(gzip_member([part]))) == b""
