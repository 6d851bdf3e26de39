import time

import msgpack
import msgspec
import pytest

from stats_gateway.wire.lenient import repair_json, repair_msgpack


@pytest.mark.parametrize(
    ("written", "repaired"),
    [
        (b'{"a":NaN}', {"a": None}),
        (b'{"a":[Infinity,-Infinity,1]}', {"a": [None, None, 1]}),
        (b'{"NaN":"-Infinity","a":NaN}', {"NaN": "-Infinity", "a": None}),
        (rb'{"a":"quote \" NaN","b":NaN}', {"a": 'quote " NaN', "b": None}),
        (rb'{"a":"back\\","b":NaN}', {"a": "back\\", "b": None}),
        (rb'{"a":"\ud800"}', {"a": "\ufffd"}),
        (rb'{"a":"\udc00\ud83d\ude00"}', {"a": "\ufffd\U0001f600"}),
        (rb'{"a":"\\ud800"}', {"a": "\\ud800"}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
    ],
)
def test_only_what_json_does_not_allow_is_replaced(written: bytes, repaired: object) -> None:
    assert msgspec.json.decode(repair_json(written)) == repaired


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b"\\ud800", b"-", b"{", b'"\\', b"N"])
def test_repair_takes_time_in_proportion_to_its_length_whatever_is_repeated(unit: bytes) -> None:
    began = time.process_time()
    repair_json(b'{"a":"' + unit * 100_000)
    assert time.process_time() - began < 2.0


def test_invalid_utf_8_in_messagepack_is_replaced() -> None:
    payload = msgpack.packb(
        {"name": "a\udcffb", "n": [1, None, 2.5]}, unicode_errors="surrogateescape"
    )
    assert msgpack.unpackb(repair_msgpack(payload)) == {"name": "a\ufffdb", "n": [1, None, 2.5]}
