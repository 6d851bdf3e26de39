import json

import msgpack
import pytest

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.limits import Limits
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import Error, Welcome
from stats_gateway.wire.session import Session
from tests.support.snapshots import frame, line

LIMITS = Limits(frame_seconds=30.0, silent_seconds=300.0, max_refusals_in_row=3)
REFUSAL = MessageRefused(Reason.MALFORMED, "a detail")
SLOW, SILENT = ConnectionReason.SLOW_FRAME, ConnectionReason.SILENT


def fed(session: Session, data: bytes, now: float) -> int:
    return sum(1 for _ in session.feed(data, now))


def test_a_connection_is_silent_from_its_beginning_and_from_each_message() -> None:
    session = Session(LIMITS, 100.0)
    assert session.deadline() == (400.0, SILENT)
    assert fed(session, frame({}), 150.0) == 1
    assert session.deadline() == (450.0, SILENT)


def test_a_message_has_its_time_from_its_first_byte_whatever_comes_meanwhile() -> None:
    session = Session(LIMITS, 0.0)
    whole = frame({"a": 1})
    assert fed(session, whole[:1], 10.0) == 0
    assert session.deadline() == (40.0, SLOW)
    assert fed(session, whole[1:-1], 35.0) == 0
    assert session.deadline() == (40.0, SLOW)
    assert fed(session, whole[-1:], 39.0) == 1
    assert session.deadline() == (339.0, SILENT)


def test_the_next_message_has_its_own_time_when_it_begins_in_the_same_bytes() -> None:
    session = Session(LIMITS, 0.0)
    assert fed(session, frame({}) + b"\x00", 10.0) == 1
    assert session.deadline() == (40.0, SLOW)


def test_a_line_that_is_dropped_does_not_keep_a_connection_open() -> None:
    session = Session(Limits(max_message_bytes=10, silent_seconds=300.0), 0.0)
    assert fed(session, b"{" * 11, 0.0) == 1
    for now in (100.0, 200.0):
        assert fed(session, b"x" * 100, now) == 0
    assert session.deadline() == (300.0, SILENT)


def test_a_sender_with_a_long_interval_may_be_silent_for_longer_and_never_for_less() -> None:
    session = Session(LIMITS, 0.0)
    session.allow_silence(900.0)
    assert session.deadline() == (900.0, SILENT)
    session.allow_silence(30.0)
    assert session.deadline() == (900.0, SILENT)


def test_time_in_which_nothing_was_read_is_not_the_peers() -> None:
    session = Session(LIMITS, 0.0)
    fed(session, b"\x00", 0.0)
    session.waited(5.0)
    assert session.deadline() == (35.0, SLOW)


def test_refusals_in_a_row_end_the_connection_and_a_good_message_begins_anew() -> None:
    session = Session(LIMITS, 0.0)
    for _ in range(3):
        session.refused(REFUSAL)
        session.refused(REFUSAL)
        session.accepted()
    session.refused(REFUSAL)
    session.refused(REFUSAL)
    with pytest.raises(ConnectionRefused, match="a detail") as refused:
        session.refused(REFUSAL)
    assert refused.value.reason is ConnectionReason.TOO_MANY_REFUSALS


def test_answers_are_in_the_encoding_of_the_peer() -> None:
    frames, lines = Session(LIMITS, 0.0), Session(LIMITS, 0.0)
    assert frames.encoding is Encoding.FRAMES
    fed(frames, frame({}), 0.0)
    fed(lines, line({}), 0.0)
    assert lines.encoding is Encoding.JSON_LINES
    answer = frames.encode(Welcome(version="1"))
    assert msgpack.unpackb(answer[4:]) == {"Welcome": {"version": "1"}}
    assert int.from_bytes(answer[:4], "big") == len(answer) - 4
    text = lines.encode(Error(reason="no"))
    assert text.endswith(b"\n")
    assert json.loads(text) == {"Error": {"reason": "no"}}
