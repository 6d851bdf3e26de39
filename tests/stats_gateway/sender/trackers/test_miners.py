import math
import threading
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.sender.snapshots import RejectReason
from stats_gateway.sender.trackers.miners import MinerTracker
from stats_gateway.sender.wire import encode_snapshot

T0 = 1_730_488_800.0
NO_REJECTS = {"stale": 0, "duplicate": 0, "low_difficulty": 0, "unauthorized": 0, "other": 0}
NO_TOTALS = {
    "shares_submitted": 0,
    "shares_rejected": 0,
    "shares_rejected_by": NO_REJECTS,
    "work": 0.0,
}


def test_a_snapshot_holds_exactly_what_the_wire_contract_names() -> None:
    tracker = MinerTracker()
    tracker.connect(7, "farm1.s21-007", "10.0.0.7:4444", T0)
    tracker.share_accepted(7, 1000.0, T0 + 20.7)
    tracker.share_rejected(7, RejectReason.STALE)
    tracker.share_rejected(7, "duplicate")
    tracker.share_rejected(7)
    tracker.agent(7, "cgminer/4.11.1")
    tracker.difficulty(7, 2000.0)
    tracker.wallet(500, quotes=3, amount=90)
    tracker.upstream("pool:34254", connected=True, network="testnet4")
    assert tracker.snapshot(T0 + 30.9) == {
        "miners": [
            {
                "downstream_id": 7,
                "name": "farm1.s21-007",
                "address": "10.0.0.7:4444",
                "hashrate": pytest.approx(1000 * 2**32 / 30.9),
                "shares_submitted": 1,
                "shares_rejected": 3,
                "shares_rejected_by": {"stale": 1, "duplicate": 1, "other": 1},
                "work": 1000.0,
                "connected_at": 1730488800,
                "last_share_at": 1730488820,
                "agent": "cgminer/4.11.1",
                "difficulty": 2000.0,
            }
        ],
        "timestamp": 1730488830,
        "totals": {
            "shares_submitted": 1,
            "shares_rejected": 3,
            "shares_rejected_by": {**NO_REJECTS, "stale": 1, "duplicate": 1, "other": 1},
            "work": 1000.0,
        },
        "wallet": {"balance": 500, "quotes_created": 3, "quotes_amount": 90},
        "upstream": {"address": "pool:34254", "connected": True, "network": "testnet4"},
    }


def test_what_is_not_known_is_absent() -> None:
    assert MinerTracker().snapshot(T0) == {
        "miners": [],
        "timestamp": int(T0),
        "totals": NO_TOTALS,
    }
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    row = tracker.snapshot(T0)["miners"][0]
    assert row.keys().isdisjoint({"agent", "difficulty", "shares_rejected_by"})


def test_a_miner_that_was_there_before_has_no_connect_time_and_a_hashrate_from_its_shares() -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, None)
    row = tracker.snapshot(T0)["miners"][0]
    assert (row["connected_at"], row["hashrate"]) == (None, None)
    tracker.share_accepted(1, 100.0, T0)
    row = tracker.snapshot(T0 + 20)["miners"][0]
    assert row["connected_at"] is None
    assert row["hashrate"] == pytest.approx(100 * 2**32 / 20)


def test_a_program_that_sees_no_shares_sends_none_and_no_zeros() -> None:
    tracker = MinerTracker(counts_shares=False)
    tracker.connect(1, "a", None, T0, agent="bitaxe/2.4")
    assert tracker.snapshot(T0 + 1) == {
        "miners": [
            {
                "downstream_id": 1,
                "name": "a",
                "address": None,
                "hashrate": None,
                "shares_submitted": None,
                "shares_rejected": None,
                "work": None,
                "connected_at": int(T0),
                "last_share_at": None,
                "agent": "bitaxe/2.4",
            }
        ],
        "timestamp": int(T0) + 1,
    }


def test_totals_keep_what_ended_sessions_did() -> None:
    tracker = MinerTracker()
    for session in range(3):
        tracker.connect(1, "a", None, T0)
        tracker.share_accepted(1, 8.0, T0 + session)
        tracker.share_rejected(1, RejectReason.LOW_DIFFICULTY)
        if session == 0:
            tracker.disconnect(1)
    tracker.clear()
    tracker.share_accepted(1, 8.0, T0 + 9)
    assert tracker.snapshot(T0 + 10)["totals"] == {
        "shares_submitted": 3,
        "shares_rejected": 3,
        "shares_rejected_by": {**NO_REJECTS, "low_difficulty": 3},
        "work": 24.0,
    }


@pytest.mark.parametrize("reason", ["job-not-found", None, 21, ["stale"], float("nan")])
def test_a_reason_that_is_none_of_the_five_counts_as_other(reason: str) -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.share_rejected(1, reason)
    assert tracker.snapshot(T0)["miners"][0]["shares_rejected_by"] == {"other": 1}


HOSTILE: list[object] = [
    None,
    "1",
    [],
    {},
    b"1",
    1j,
    -1,
    10**400,
    -(10**400),
    float("nan"),
    float("inf"),
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_nothing_that_a_caller_hands_in_raises_into_the_path_of_a_share(
    value: Any,  # noqa: ANN401 - what no type allows is the point
) -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    before = tracker.snapshot(T0)
    tracker.share_accepted(1, value, T0)
    tracker.share_accepted(1, 1.0, value)
    tracker.difficulty(1, value)
    tracker.quote_created(value)
    assert tracker.invalid_values == 4
    tracker.share_accepted(value, 1.0, T0)
    tracker.share_rejected(value)
    assert tracker.unknown_downstreams == 2
    assert tracker.snapshot(T0) == before
    encode_snapshot(before)


def test_sums_of_the_largest_values_still_fit_the_wire() -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.wallet(2**64 - 1)
    for _ in range(3):
        tracker.share_accepted(1, 2.0**224, T0)
        tracker.quote_created(2**64 - 1)
    snapshot = tracker.snapshot(T0 + 10)
    assert snapshot["wallet"]["quotes_amount"] == 2**64 - 1
    assert math.isfinite(snapshot["totals"]["work"])
    assert math.isfinite(snapshot["miners"][0]["hashrate"] or 0.0)
    encode_snapshot(snapshot)


def test_a_miner_that_has_sent_no_share_has_no_last_share() -> None:
    tracker = MinerTracker()
    tracker.connect(1, None, None, T0)
    (miner,) = tracker.snapshot(T0 + 60)["miners"]
    assert miner["last_share_at"] is None
    assert miner["hashrate"] == 0.0


def test_a_miner_is_called_by_its_id_until_it_is_named() -> None:
    tracker = MinerTracker()
    tracker.connect(5, None, None, T0)
    assert tracker.snapshot(T0)["miners"][0]["name"] == "Miner-5"
    tracker.rename(5, "farm1.bitaxe")
    assert tracker.snapshot(T0)["miners"][0]["name"] == "farm1.bitaxe"


def test_rows_are_sorted_by_id() -> None:
    tracker = MinerTracker()
    for downstream_id in (9, 1, 400, 3):
        tracker.connect(downstream_id, "same name", None, T0)
    ids = [miner["downstream_id"] for miner in tracker.snapshot(T0)["miners"]]
    assert ids == [1, 3, 9, 400]


def test_a_disconnected_miner_is_not_in_the_next_snapshot() -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.connect(2, "b", None, T0)
    tracker.disconnect(1)
    assert [miner["name"] for miner in tracker.snapshot(T0)["miners"]] == ["b"]


def test_clear_leaves_no_ghosts() -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.clear()
    assert tracker.snapshot(T0)["miners"] == []


def test_a_connect_under_a_known_id_is_a_new_session() -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.share_accepted(1, 10.0, T0 + 1)
    tracker.connect(1, "a", None, T0 + 60)
    (miner,) = tracker.snapshot(T0 + 70)["miners"]
    assert (miner["shares_submitted"], miner["work"], miner["hashrate"]) == (0, 0.0, 0.0)
    assert miner["connected_at"] == int(T0) + 60


def test_an_event_for_an_unknown_miner_is_counted_and_ignored() -> None:
    tracker = MinerTracker()
    tracker.share_accepted(1, 10.0, T0)
    tracker.share_rejected(1)
    tracker.rename(1, "a")
    tracker.disconnect(1)
    assert tracker.unknown_downstreams == 4
    assert len(tracker) == 0


@pytest.mark.parametrize("difficulty", [float("nan"), float("inf"), -1.0])
def test_a_difficulty_that_is_none_is_counted_and_ignored(difficulty: float) -> None:
    tracker = MinerTracker()
    tracker.connect(1, "a", None, T0)
    tracker.share_accepted(1, difficulty, T0 + 1)
    assert tracker.snapshot(T0 + 10)["miners"][0]["shares_submitted"] == 0
    assert tracker.invalid_values == 1


@pytest.mark.parametrize("downstream_id", [-1, 2**32])
def test_an_id_that_the_wire_cannot_carry_is_refused_at_connect(downstream_id: int) -> None:
    with pytest.raises(ValueError, match="unsigned 32-bit"):
        MinerTracker().connect(downstream_id, "a", None, T0)


def test_redacted_addresses_are_null() -> None:
    tracker = MinerTracker(redact_ip=True)
    tracker.connect(1, "a", "10.0.0.7:4444", T0)
    assert tracker.snapshot(T0)["miners"][0]["address"] is None


@given(st.text(st.characters(categories=["L", "Cs", "So"]), max_size=200))
def test_a_name_is_valid_utf_8_of_at_most_128_bytes(name: str) -> None:
    tracker = MinerTracker()
    tracker.connect(1, name, None, T0)
    sent = tracker.snapshot(T0)["miners"][0]["name"]
    assert len(sent.encode()) <= 128
    assert name.encode("utf-8", "replace").startswith(sent.encode())


def test_a_wallet_that_did_not_answer_is_absent_and_not_empty() -> None:
    tracker = MinerTracker()
    tracker.wallet(0)
    assert tracker.snapshot(T0)["wallet"] == {"balance": 0}
    tracker.wallet(None)
    assert "wallet" not in tracker.snapshot(T0)


def test_a_negative_balance_is_no_balance() -> None:
    tracker = MinerTracker()
    tracker.wallet(-1)
    assert "wallet" not in tracker.snapshot(T0)
    assert tracker.invalid_values == 1


def test_quotes_add_up_from_what_the_wallet_said() -> None:
    tracker = MinerTracker()
    tracker.wallet(10, quotes=5, amount=100)
    tracker.quote_created(7)
    tracker.wallet(17)
    tracker.quote_created(-7)
    assert tracker.snapshot(T0)["wallet"] == {
        "balance": 17,
        "quotes_created": 6,
        "quotes_amount": 107,
    }


def test_membership_changes_and_names_wake_the_loop_and_shares_do_not() -> None:
    tracker = MinerTracker()

    def changed() -> bool:
        was = tracker.changed.is_set()
        tracker.changed.clear()
        return was

    tracker.connect(1, None, None, T0)
    assert changed()
    tracker.rename(1, "a" * 200)
    assert changed()
    tracker.rename(1, "a" * 200)
    tracker.share_accepted(1, 1.0, T0)
    tracker.share_rejected(1)
    tracker.disconnect(2)
    assert not changed()
    tracker.disconnect(1)
    assert changed()
    tracker.clear()
    assert changed()


def test_totals_are_exact_after_many_threads_while_snapshots_are_taken() -> None:
    tracker = MinerTracker()
    miners, threads, shares = 20, 8, 2000
    for miner in range(miners):
        tracker.connect(miner, None, None, T0)
    start = threading.Barrier(threads + 1)

    def submit(seed: int) -> None:
        random = Random(seed)
        start.wait()
        for share in range(shares):
            tracker.share_accepted(random.randrange(miners), 2.0, T0 + 15)
            tracker.share_rejected(share % miners)

    workers = [threading.Thread(target=submit, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    seen = 0
    while any(worker.is_alive() for worker in workers):
        snapshot = tracker.snapshot(T0 + 20)
        rows = snapshot["miners"]
        assert all(row["work"] == 2.0 * (row["shares_submitted"] or 0) for row in rows)
        total = sum(row["shares_submitted"] or 0 for row in rows)
        assert seen <= total <= snapshot["totals"]["shares_submitted"]
        seen = total
    for worker in workers:
        worker.join()
    snapshot = tracker.snapshot(T0 + 20)
    rows = snapshot["miners"]
    assert sum(row["shares_submitted"] or 0 for row in rows) == threads * shares
    assert sum(row["shares_rejected"] or 0 for row in rows) == threads * shares
    assert snapshot["totals"]["shares_submitted"] == threads * shares
    assert snapshot["totals"]["shares_rejected"] == threads * shares
    hashrate = sum(row["hashrate"] or 0.0 for row in rows)
    assert hashrate == pytest.approx(threads * shares * 2 * 2**32 / 20)


def test_miners_may_come_and_go_while_snapshots_are_taken() -> None:
    tracker = MinerTracker()
    done = threading.Event()

    def churn() -> None:
        for turn in range(300):
            for miner in range(20):
                tracker.connect(miner, None, None, T0)
            if turn % 2:
                tracker.clear()
            else:
                tracker.disconnect(turn % 20)
        done.set()

    worker = threading.Thread(target=churn)
    worker.start()
    while not done.is_set():
        ids = [row["downstream_id"] for row in tracker.snapshot(T0)["miners"]]
        assert ids == sorted(set(ids))
    worker.join()
    assert tracker.unknown_downstreams == 0
