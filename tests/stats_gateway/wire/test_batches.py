import pytest
from msgspec import Raw

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import (
    MAX_DETAIL_CHARACTERS,
    MAX_REPAIR_JSON_BYTES,
    MAX_ROW_BYTES,
    MAX_ROWS,
)
from stats_gateway.wire.batches import BATCH_BYTES, BATCH_ROWS, RowDecoder, TypedDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.hashpool import ServiceSnapshot
from stats_gateway.wire.messages import ConnectionInfo, MinerInfo, MinerSnapshot
from tests.support.snapshots import PAYLOADS, Fields, connection, miner

COUNTS = [0, 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS, 5 * BATCH_ROWS]


def decoded(
    rows: list[Fields] | bytes, encoding: Encoding, max_rows: int = MAX_ROWS
) -> list[list[MinerInfo]]:
    payload = rows if isinstance(rows, bytes) else PAYLOADS[encoding](rows)
    return list(RowDecoder(encoding, MinerInfo, max_rows).batches(Raw(payload)))


def refusal(rows: list[Fields] | bytes, encoding: Encoding, max_rows: int = MAX_ROWS) -> Reason:
    with pytest.raises(MessageRefused) as refused:
        decoded(rows, encoding, max_rows)
    return refused.value.reason


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("count", COUNTS)
def test_batches_are_all_rows_in_order_and_small(encoding: Encoding, count: int) -> None:
    batches = decoded([miner(id_) for id_ in range(count)], encoding)
    assert [row.downstream_id for batch in batches for row in batch] == list(range(count))
    assert all(len(batch) <= 2 * BATCH_ROWS for batch in batches)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_bad_row_is_named_by_its_place_in_the_whole_message(encoding: Encoding) -> None:
    rows = [miner(id_) for id_ in range(3 * BATCH_ROWS)]
    rows[2 * BATCH_ROWS + 3]["name"] = 5
    with pytest.raises(MessageRefused, match=f"row {2 * BATCH_ROWS + 3}.name") as refused:
        decoded(rows, encoding)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
def test_a_row_that_common_encoders_get_wrong_is_mended_with_its_batch(encoding: Encoding) -> None:
    rows = [miner(id_) for id_ in range(5 * BATCH_ROWS)]
    rows[1700]["name"] = "lone \ud800"
    names = [row.name for batch in decoded(rows, encoding) for row in batch]
    assert names[1700].startswith("lone \ufffd")
    assert names[1701] == "farm1.rig-1701"


@pytest.mark.parametrize("separator", [b",", b", ", b" \n,\t"])
@pytest.mark.parametrize("trick", ["},{", '},{"', "}, {}, {", '\\"},{\\"'])
def test_rows_are_found_whatever_stands_between_them_and_in_their_names(
    separator: bytes, trick: str
) -> None:
    rows = [
        PAYLOADS[Encoding.JSON_LINES](miner(id_, name=trick, x=[{"y": [{}, {}]}, {}]))
        for id_ in range(3000)
    ]
    batches = decoded(b"[%b]" % separator.join(rows), Encoding.JSON_LINES)
    assert [row.downstream_id for batch in batches for row in batch] == list(range(3000))
    assert {row.name for batch in batches for row in batch} == {trick}


def test_a_name_full_of_what_stands_between_rows_is_a_name() -> None:
    name = "},{" * BATCH_BYTES
    batches = decoded([miner(1), miner(2, name=name), miner(3)], Encoding.JSON_LINES)
    assert [len(row.name) for batch in batches for row in batch] == [11, len(name), 11]


@pytest.mark.parametrize("array", [b"null", b"{}", b"5", b'"[]"', b"[5]", b"[[]]", b"[null,{}]"])
def test_what_is_no_array_of_rows_is_malformed(array: bytes) -> None:
    assert refusal(array, Encoding.JSON_LINES) is Reason.MALFORMED


@pytest.mark.parametrize("array", [b"\xc0", b"\x80", b"\x05", b"\xa2[]", b"\x91\x05", b"\x91\x90"])
def test_what_is_no_array_of_rows_is_malformed_in_messagepack_too(array: bytes) -> None:
    assert refusal(array, Encoding.FRAMES) is Reason.MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
def test_more_rows_than_the_limit_are_refused(encoding: Encoding) -> None:
    rows = [miner(id_) for id_ in range(3)]
    assert len(decoded(rows, encoding, 3)[0]) == 3
    assert refusal(rows, encoding, 2) is Reason.TOO_MANY_ROWS


@pytest.mark.parametrize("encoding", Encoding)
def test_a_row_over_the_limit_is_refused_and_one_with_all_channels_is_not(
    encoding: Encoding,
) -> None:
    decoder = RowDecoder(encoding, ConnectionInfo, MAX_ROWS)
    rows = [connection(id_, channels=[2**32 - 1] * 65_536) for id_ in range(3)]
    batches = decoder.batches(Raw(PAYLOADS[encoding](rows)))
    assert [len(row.channels) for batch in batches for row in batch] == [65_536] * 3
    assert refusal([miner(1), miner(2, name="x" * 2 * MAX_ROW_BYTES)], encoding) is Reason.MALFORMED


def test_rows_of_a_few_bytes_are_refused_before_they_are_looked_at() -> None:
    million = b"\xdd" + (1_000_000).to_bytes(4, "big") + b"\x80" * 1_000_000
    assert refusal(million, Encoding.FRAMES) is Reason.MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
def test_a_refusal_never_quotes_more_than_a_line_of_the_peers_text(encoding: Encoding) -> None:
    payload = PAYLOADS[encoding]({"service_type": "x" * 10_000, "downstreams": [], "timestamp": 1})
    decoder = TypedDecoder(encoding, ServiceSnapshot)
    with pytest.raises(MessageRefused, match="service_type 'xxx") as refused:
        decoder.decode(payload)
    assert len(refused.value.detail) <= MAX_DETAIL_CHARACTERS


def test_what_is_too_large_to_mend_is_refused() -> None:
    decoder = TypedDecoder(Encoding.JSON_LINES, MinerSnapshot)
    small = b'{"miners":[],"timestamp":1,"x":NaN}'
    assert decoder.decode(small).timestamp == 1
    with pytest.raises(MessageRefused) as refused:
        decoder.decode(small + b" " * MAX_REPAIR_JSON_BYTES)
    assert refused.value.reason is Reason.MALFORMED
