from typing import Any

import pytest

from stats_gateway.sender.snapshots import ConnectionInfo, ConnectionType, RejectReason
from stats_gateway.sender.trackers.connections import DownstreamTracker

T0 = 1_730_488_800.0
NO_REJECTS = {"stale": 0, "duplicate": 0, "low_difficulty": 0, "unauthorized": 0, "other": 0}


def only_row(tracker: DownstreamTracker, now: float = T0) -> ConnectionInfo:
    (row,) = tracker.snapshot(now)["connections"]
    return row


def test_a_snapshot_holds_exactly_what_the_wire_contract_names() -> None:
    tracker = DownstreamTracker(listen_address="0.0.0.0:34254")
    tracker.connect(3, ConnectionType.TRANSLATOR, T0, name="north", address="10.0.0.3:5000")
    tracker.channel_opened(3, 12)
    tracker.channel_opened(3, 4)
    tracker.channel_opened(3, 5)
    tracker.channel_closed(3, 5)
    tracker.share_accepted(3, 30000.0, T0 + 10)
    tracker.share_rejected(3, RejectReason.UNAUTHORIZED)
    tracker.agent(3, "SRI 1.5")
    assert tracker.snapshot(T0 + 20) == {
        "connections": [
            {
                "downstream_id": 3,
                "name": "north",
                "address": "10.0.0.3:5000",
                "connection_type": "Translator",
                "hashrate": pytest.approx(30000 * 2**32 / 20),
                "shares_submitted": 1,
                "shares_rejected": 1,
                "shares_rejected_by": {"unauthorized": 1},
                "agent": "SRI 1.5",
                "work": 30000.0,
                "channels": [4, 12],
                "connected_at": 1730488800,
                "last_share_at": 1730488810,
                "quotes_created": None,
                "ehash_mined": None,
                "work_selection": False,
            }
        ],
        "timestamp": 1730488820,
        "listen_address": "0.0.0.0:34254",
        "totals": {
            "shares_submitted": 1,
            "shares_rejected": 1,
            "shares_rejected_by": {**NO_REJECTS, "unauthorized": 1},
            "work": 30000.0,
        },
    }


def test_a_listen_address_that_is_not_given_is_absent() -> None:
    assert "listen_address" not in DownstreamTracker().snapshot(T0)


@pytest.mark.parametrize("value", [None, "1", -1, 2**32, 10**400, 1.5])
def test_nothing_that_a_caller_hands_in_raises_or_spoils_the_snapshot(
    value: Any,  # noqa: ANN401 - what no type allows is the point
) -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.MINT, T0)
    before = tracker.snapshot(T0)
    tracker.channel_opened(1, value)
    tracker.channel_closed(1, value)
    assert tracker.invalid_values == 2
    assert tracker.snapshot(T0) == before


def test_a_quote_of_more_than_64_bits_is_counted_and_ignored() -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.MINT, T0)
    tracker.quote_created(1, 10**400)
    assert (only_row(tracker)["quotes_created"], tracker.invalid_values) == (0, 1)
    tracker.quote_created(1, 2**64 - 1)
    tracker.quote_created(1, 2**64 - 1)
    assert only_row(tracker)["ehash_mined"] == 2**64 - 1


def test_a_mint_counts_its_quotes_from_zero() -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.MINT, T0)
    assert (only_row(tracker)["quotes_created"], only_row(tracker)["ehash_mined"]) == (0, 0)
    tracker.quote_created(1, 4000)
    tracker.quote_created(1, 24)
    assert (only_row(tracker)["quotes_created"], only_row(tracker)["ehash_mined"]) == (2, 4024)


def test_a_negative_quote_is_counted_and_ignored() -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.MINT, T0)
    tracker.quote_created(1, -5)
    assert only_row(tracker)["quotes_created"] == 0
    assert tracker.invalid_values == 1


def test_a_job_declarator_selects_its_work_and_the_others_may() -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.JOB_DECLARATOR, T0)
    assert only_row(tracker)["work_selection"] is True
    tracker.connect(1, ConnectionType.TRANSLATOR, T0)
    assert only_row(tracker)["work_selection"] is False
    tracker.work_selection(1, enabled=True)
    assert only_row(tracker)["work_selection"] is True


@pytest.mark.parametrize(
    ("connection_type", "on_the_wire"),
    [
        (ConnectionType.TRANSLATOR, "Translator"),
        (ConnectionType.MINT, "Mint"),
        (ConnectionType.JOB_DECLARATOR, "Job Declarator"),
        (ConnectionType.MINER, "Miner"),
    ],
)
def test_connection_types_have_these_names(
    connection_type: ConnectionType, on_the_wire: str
) -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, connection_type, T0)
    assert only_row(tracker)["connection_type"] == on_the_wire


def test_a_channel_that_is_not_open_is_none_to_close() -> None:
    tracker = DownstreamTracker()
    tracker.connect(1, ConnectionType.TRANSLATOR, T0)
    tracker.channel_closed(1, 9)
    tracker.channel_opened(2, 9)
    assert only_row(tracker)["channels"] == []
    assert tracker.unknown_downstreams == 1


def test_redacted_addresses_are_null() -> None:
    tracker = DownstreamTracker(redact_ip=True)
    tracker.connect(1, ConnectionType.TRANSLATOR, T0, address="10.0.0.3:5000")
    assert only_row(tracker)["address"] is None
