import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.framing import FrameDecoder, Framing, LineDecoder, encode_frame, framing_for

LIMIT = 64

payloads = st.lists(st.binary(max_size=LIMIT), max_size=8)
lines = st.lists(
    st.binary(min_size=1, max_size=2 * LIMIT).filter(lambda line: b"\n" not in line), max_size=8
)


def fed(framing: Framing, chunks: Iterable[bytes]) -> list[bytes | Reason]:
    """What `chunks` complete; a refusal as its reason."""
    return [
        item.reason if isinstance(item, MessageRefused) else bytes(item)
        for chunk in chunks
        for item in framing.feed(chunk)
    ]


def split(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


def bytewise(stream: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in stream]


def test_a_frame_is_whole_whether_it_comes_at_once_or_byte_by_byte() -> None:
    frame = encode_frame(b"hello")
    assert frame == b"\x00\x00\x00\x05hello"
    assert fed(FrameDecoder(LIMIT), [frame]) == [b"hello"]
    assert fed(FrameDecoder(LIMIT), bytewise(frame)) == [b"hello"]


def test_many_frames_in_one_chunk_are_many_messages_and_the_rest_waits() -> None:
    decoder = FrameDecoder(LIMIT)
    stream = (
        encode_frame(b"one") + encode_frame(b"") + encode_frame(b"three") + b"\x00\x00\x00\x02a"
    )
    assert fed(decoder, [stream]) == [b"one", b"", b"three"]
    assert decoder.buffered == len(b"\x00\x00\x00\x02a")
    assert fed(decoder, [b"b"]) == [b"ab"]
    assert decoder.buffered == 0


def test_a_frame_of_the_limit_is_taken_and_one_byte_more_ends_the_connection() -> None:
    assert fed(FrameDecoder(LIMIT), [encode_frame(bytes(LIMIT))]) == [bytes(LIMIT)]
    decoder = FrameDecoder(LIMIT)
    with pytest.raises(ConnectionRefused) as refused:
        fed(decoder, [encode_frame(bytes(LIMIT + 1))])
    assert refused.value.reason is ConnectionReason.FRAME_TOO_LARGE
    assert decoder.buffered == 0


def test_frames_before_one_that_is_too_large_are_still_messages() -> None:
    found: list[bytes] = []
    stream = encode_frame(b"good") + b"\xff\xff\xff\xff"
    with pytest.raises(ConnectionRefused):
        found.extend(bytes(item) for item in FrameDecoder(LIMIT).feed(stream) if item)  # type: ignore[arg-type]  # no refusals here
    assert found == [b"good"]


def test_a_declared_length_costs_no_memory() -> None:
    decoder = FrameDecoder(64 << 20)
    tracemalloc.start()
    assert fed(decoder, [(64 << 20).to_bytes(4, "big"), b"x" * 1000]) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_a_line_ends_at_its_newline_and_empty_ones_and_carriage_returns_are_ignored() -> None:
    stream = b'\n \r\n{"a":1}\r\n{"b":2}\n\t\n{"c"'
    for chunks in ([stream], bytewise(stream)):
        decoder = LineDecoder(LIMIT)
        assert [line.strip() for line in fed(decoder, chunks) if isinstance(line, bytes)] == [
            b'{"a":1}',
            b'{"b":2}',
        ]
        assert decoder.buffered == len(b'{"c"')


def test_a_line_over_the_limit_is_dropped_to_its_newline_and_the_next_one_counts() -> None:
    decoder = LineDecoder(LIMIT)
    long = b"x" * (LIMIT + 1)
    assert fed(decoder, [long]) == [Reason.LINE_TOO_LONG]
    assert fed(decoder, [b"y" * 1000, b"z" * 1000]) == []
    assert decoder.buffered == 0
    assert fed(decoder, [b"end\n{}\n"]) == [b"{}"]


def test_a_line_over_the_limit_costs_no_more_memory_than_the_limit() -> None:
    decoder = LineDecoder(10_000)
    chunk = b"x" * 1000
    tracemalloc.start()
    assert fed(decoder, [chunk] * 1000) == [Reason.LINE_TOO_LONG]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000


@pytest.mark.parametrize("first", [*b"{ \t\r\n"])
def test_a_brace_or_white_space_begins_json_lines(first: int) -> None:
    assert framing_for(first, LIMIT).encoding is Encoding.JSON_LINES


@pytest.mark.parametrize("first", [0, 1, 4, 0x5B, 0x80, 0xFF])
def test_anything_else_begins_frames(first: int) -> None:
    assert framing_for(first, LIMIT).encoding is Encoding.FRAMES


@given(payloads, st.lists(st.integers(min_value=0)))
def test_frames_are_the_same_however_the_stream_is_split(
    payloads: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(map(encode_frame, payloads))
    assert fed(FrameDecoder(LIMIT), split(stream, cuts)) == payloads


@given(lines, st.lists(st.integers(min_value=0)))
def test_lines_are_the_same_however_the_stream_is_split(
    lines: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    expected = [
        Reason.LINE_TOO_LONG if len(line) > LIMIT else line
        for line in lines
        if len(line) > LIMIT or line.strip(b" \t\r")
    ]
    assert fed(LineDecoder(LIMIT), split(stream, cuts)) == expected
