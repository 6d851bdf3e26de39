"""The fleet that is measured."""

from itertools import islice
from typing import get_type_hints

import msgspec

from benchmarks.common.fleet import REQUIRED, Change, Shape, messages, snapshots, timestamps
from stats_gateway.sender.snapshots import DeviceInfo, MinerInfo, RejectReason

MINERS = 200


def ids(change: Change) -> list[set[int]]:
    return [
        {miner["downstream_id"] for miner in snapshot["miners"]}
        for snapshot in islice(snapshots(MINERS, change), 3)
    ]


def test_warm_snapshots_keep_every_identity() -> None:
    first, second, third = ids(Change.WARM)
    assert first == second == third
    assert len(first) == MINERS


def test_cold_snapshots_share_no_identity() -> None:
    first, second, third = ids(Change.COLD)
    assert first.isdisjoint(second)
    assert second.isdisjoint(third)
    assert len(first) == len(second) == len(third) == MINERS


def test_churn_renews_one_row_in_a_hundred() -> None:
    first, second, third = ids(Change.CHURN)
    assert len(first - second) == len(second - first) == MINERS // 100
    assert len(second - third) == MINERS // 100


def test_every_row_has_every_field_and_every_measured_value_changes_in_every_snapshot() -> None:
    before, after = (snapshot["miners"] for snapshot in islice(snapshots(MINERS), 2))
    for one, next_one in zip(before, after, strict=True):
        assert one.keys() == get_type_hints(MinerInfo).keys()
        assert one["device"].keys() == get_type_hints(DeviceInfo).keys()
        assert one["shares_rejected_by"].keys() == set(RejectReason)
        for key in ("hashrate", "power", "temperature"):
            assert one["device"][key] != next_one["device"][key]
        for reason in RejectReason:
            assert one["shares_rejected_by"][reason] != next_one["shares_rejected_by"][reason]
        same = {key for key, value in one.items() if value == next_one.get(key)}
        assert same == {"downstream_id", "name", "address", "connected_at", "agent"}


def test_each_snapshot_has_the_timestamp_it_is_waited_for_by() -> None:
    sent = [snapshot["timestamp"] for snapshot in islice(snapshots(1), 3)]
    assert sent == list(islice(timestamps(), 3))


def test_every_shape_carries_the_same_snapshot_and_a_plain_one_only_required_fields() -> None:
    frame, line, plain = (
        next(messages(MINERS, shape)) for shape in (Shape.FULL, Shape.JSON, Shape.PLAIN)
    )
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    full = msgspec.msgpack.decode(frame[4:])
    assert full == msgspec.json.decode(line)
    rows = msgspec.msgpack.decode(plain[4:])["MinerSnapshot"]["miners"]
    assert rows == [{key: row[key] for key in REQUIRED} for row in full["MinerSnapshot"]["miners"]]
