import pytest
from msgspec import Raw

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_REPAIR_BYTES
from stats_gateway.wire.batches import BATCH_ROWS, RowDecoder, TypedDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import MinerInfo, MinerSnapshot
from tests.support.snapshots import PAYLOADS, Fields, miner


def raw(rows: list[Fields], encoding: Encoding) -> list[Raw]:
    return [Raw(PAYLOADS[encoding](row)) for row in rows]


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("count", [0, 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS])
def test_batches_are_all_rows_in_order(encoding: Encoding, count: int) -> None:
    rows = raw([miner(id_) for id_ in range(count)], encoding)
    batches = list(RowDecoder(encoding, MinerInfo).batches(rows))
    assert [row.downstream_id for batch in batches for row in batch] == list(range(count))
    assert all(0 < len(batch) <= BATCH_ROWS for batch in batches)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_bad_row_is_named_by_its_place_in_the_whole_message(encoding: Encoding) -> None:
    rows = [miner(id_) for id_ in range(BATCH_ROWS + 5)]
    rows[BATCH_ROWS + 3]["name"] = 5
    with pytest.raises(MessageRefused, match=f"row {BATCH_ROWS + 3}.name") as refused:
        list(RowDecoder(encoding, MinerInfo).batches(raw(rows, encoding)))
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
def test_a_row_that_common_encoders_get_wrong_is_mended_with_its_batch(encoding: Encoding) -> None:
    rows = raw([miner(1), miner(2, name="lone \ud800")], encoding)
    (batch,) = RowDecoder(encoding, MinerInfo).batches(rows)
    assert batch[1].name.startswith("lone \ufffd")


def test_what_is_too_large_to_mend_is_refused() -> None:
    decoder = TypedDecoder(Encoding.JSON_LINES, MinerSnapshot)
    small = b'{"miners":[],"timestamp":1,"x":NaN}'
    assert decoder.decode(small).timestamp == 1
    with pytest.raises(MessageRefused) as refused:
        decoder.decode(small + b" " * MAX_REPAIR_BYTES)
    assert refused.value.reason is Reason.MALFORMED
