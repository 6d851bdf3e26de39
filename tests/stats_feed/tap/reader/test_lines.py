"""Lines come out the same however their bytes are split, and never more is kept than may be."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_feed.tap.reader.facts import Unreadable
from stats_feed.tap.reader.lines import MAX_LINE_BYTES, Lines
from stats_feed.tap.reader.room import Room

PIECES = st.sampled_from([
    b"\n", b"\r\n", b"{}", b'{"id":1}', b" ", b"\t", b"GET / HTTP/1.1", b"\x16\x03\x01", b"\xff",
    b"\x00", b"x" * MAX_LINE_BYTES, b"x" * (MAX_LINE_BYTES - 1), b"abc", b"\r",
])  # fmt: skip


def read(*chunks: bytes) -> list[bytes | Unreadable]:
    room = Room(1 << 30)
    lines = Lines(room)
    found = [line for chunk in chunks for line in lines.feed(chunk)]
    lines.close()
    assert room.taken == 0
    return found


@given(st.lists(PIECES, max_size=12).map(b"".join), st.lists(st.integers(0, 200_000), max_size=8))
def test_every_split_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[begin:end] for begin, end in pairwise(places)]
    assert read(*chunks) == read(stream)


def test_each_byte_alone_gives_the_same_lines() -> None:
    stream = b'\r\n{"id":1}\r\n\n{"id":2}\n' + b"y" * 300 + b"\n{"
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == read(stream)
    assert read(stream) == [b'{"id":1}\r', b'{"id":2}', b"y" * 300]


def test_a_line_over_the_bound_is_skipped_up_to_its_newline() -> None:
    longest = b"x" * MAX_LINE_BYTES
    assert read(longest + b"\nz\n") == [longest, b"z"]
    for prefix in (b"", b"a\n"):
        told = read(prefix + longest + b"x" * 9_000_000 + b"\nz\n")
        assert told[-2:] == [Unreadable.TOO_LONG, b"z"]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"\x16\x03\x01\x02\x00", Unreadable.BINARY),
        (b"\x00", Unreadable.BINARY),
        (b"\xef\xbb\xbf{}\n", Unreadable.BINARY),
        (b"{k\x02\x9f\xfe\n", Unreadable.BINARY),
        (b"GET / HTTP/1.1\r\n", Unreadable.HTTP),
        (b"HTTP/1.1 400 Bad Request\r\n", Unreadable.HTTP),
    ],
)
def test_what_begins_like_another_protocol_is_told_once_and_read_no_further(
    first: bytes, reason: Unreadable
) -> None:
    assert read(b"\r\n" + first, b'{"id":1}\n' * 3) in ([reason], [reason])
    assert read(first + b'{"id":1}\n', b"\x00\n") == [reason]


def test_text_that_is_no_utf8_is_still_a_line() -> None:
    assert read(b'{"name":"Jos\xe9"}\n') == [b'{"name":"Jos\xe9"}']


def test_lines_that_have_begun_share_one_room_and_the_one_that_finds_none_is_skipped() -> None:
    room = Room(100)
    one, other = Lines(room), Lines(room)
    assert list(one.feed(b"a" * 80)) == []
    assert list(other.feed(b"b" * 30)) == [Unreadable.TOO_LONG]
    assert list(other.feed(b"b\nc\n")) == [b"c"]
    assert list(one.feed(b"\n")) == [b"a" * 80]
    assert room.taken == 0
