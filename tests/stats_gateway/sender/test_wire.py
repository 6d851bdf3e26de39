import struct

import msgpack
import pytest

from stats_gateway.sender import wire
from stats_gateway.sender.errors import AnswerError, EncodeError
from stats_gateway.sender.snapshots import MinerInfo, MinerSnapshot
from stats_gateway.sender.wire import (
    AnswerDecoder,
    Hello,
    Outgoing,
    Refusal,
    Welcome,
    encode_hello,
    encode_snapshot,
)

ROW: MinerInfo = {
    "downstream_id": 7,
    "name": "farm1.s21-007",
    "address": None,
    "hashrate": 2e14,
    "shares_submitted": 3,
    "shares_rejected": 0,
    "work": 1.5,
    "connected_at": 1730488800,
    "last_share_at": None,
}


def framed(message: object) -> bytes:
    payload: bytes = msgpack.packb(message)
    return struct.pack(">I", len(payload)) + payload


def test_a_snapshot_is_a_length_and_a_map_with_the_message_name_as_its_only_key() -> None:
    snapshot: MinerSnapshot = {"miners": [ROW], "timestamp": 1730488920}
    assert encode_snapshot(snapshot) == framed({"MinerSnapshot": snapshot})


def test_a_snapshot_with_connections_is_a_connection_snapshot() -> None:
    frame = encode_snapshot({"connections": [], "timestamp": 1})
    assert frame == framed({"ConnectionSnapshot": {"connections": [], "timestamp": 1}})


def test_a_hello_leaves_out_what_is_not_given() -> None:
    assert encode_hello(Hello(source="a", interval=10.0)) == framed(
        {"Hello": {"source": "a", "interval": 10.0}}
    )
    assert encode_hello(Hello(source="a", interval=5.0, token="t", version="1")) == framed(
        {"Hello": {"source": "a", "interval": 5.0, "token": "t", "version": "1"}}
    )


def test_a_snapshot_for_several_gateways_is_encoded_once() -> None:
    snapshot: MinerSnapshot = {"miners": [ROW], "timestamp": 1}
    outgoing = Outgoing(snapshot)
    frame = outgoing.frame()
    assert frame == encode_snapshot(snapshot)
    assert outgoing.frame() is frame


def test_a_snapshot_that_cannot_be_encoded_is_an_error_for_each_of_its_gateways() -> None:
    outgoing = Outgoing({"miners": [], "timestamp": 2**64})
    for _ in range(2):
        with pytest.raises(EncodeError, match="cannot encode"):
            outgoing.frame()


def test_a_lone_surrogate_in_one_name_does_not_keep_the_others_from_being_sent() -> None:
    row: MinerInfo = {**ROW, "name": "a\ud800b"}
    payload = encode_snapshot({"miners": [row, ROW], "timestamp": 1})[4:]
    names = [miner["name"] for miner in msgpack.unpackb(payload)["MinerSnapshot"]["miners"]]
    assert names == ["a?b", "farm1.s21-007"]


def test_a_value_beyond_64_bits_is_an_encode_error() -> None:
    with pytest.raises(EncodeError, match="cannot encode"):
        encode_snapshot({"miners": [], "timestamp": 2**64})


def test_a_frame_over_the_limit_is_an_encode_error(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot: MinerSnapshot = {"miners": [ROW], "timestamp": 1}
    size = len(encode_snapshot(snapshot)) - 4
    monkeypatch.setattr(wire, "MAX_FRAME", size)
    encode_snapshot(snapshot)
    monkeypatch.setattr(wire, "MAX_FRAME", size - 1)
    with pytest.raises(EncodeError, match="at most"):
        encode_snapshot(snapshot)


ANSWERS = framed({"Welcome": {"version": "1.2"}}) + framed({"Error": {"reason": "wrong token"}})
EXPECTED = [Welcome(version="1.2"), Refusal(reason="wrong token")]


@pytest.mark.parametrize("size", [1, 3, 7, len(ANSWERS)])
def test_answers_are_the_same_however_their_bytes_are_cut(size: int) -> None:
    decoder = AnswerDecoder()
    pieces = [ANSWERS[start : start + size] for start in range(0, len(ANSWERS), size)]
    assert [answer for piece in pieces for answer in decoder.feed(piece)] == EXPECTED


def test_an_answer_of_an_unknown_name_is_skipped() -> None:
    assert AnswerDecoder().feed(framed({"News": {}}) + ANSWERS) == EXPECTED


def test_a_declared_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(AnswerError, match="no stats gateway"):
        AnswerDecoder().feed(b"HTTP/1.1 400 Bad Request\r\n")


def test_bytes_that_are_no_messagepack_are_refused() -> None:
    with pytest.raises(AnswerError, match="not MessagePack"):
        AnswerDecoder().feed(struct.pack(">I", 1) + b"\xc1")
