import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.rows.rejects import RejectReason, RejectsBuilder, by_known_reason
from stats_gateway.rows.rows import MinerRows, take
from stats_gateway.store.parts import MinersPart
from tests.support.senders import content
from tests.support.snapshots import Fields, miner, miner_snapshot

counts = st.dictionaries(
    st.sampled_from(["stale", "duplicate", "other", "job-not-found", "Stale", ""]),
    st.integers(0, 9),
)


def rows(*miners: Fields) -> MinerRows:
    part = content(miner_snapshot(*miners))
    assert isinstance(part, MinersPart)
    return part.rows


@given(st.lists(st.lists(st.none() | counts)))
def test_the_columns_hold_what_each_row_sent_by_known_reason(
    batches: list[list[dict[str, int] | None]],
) -> None:
    builder = RejectsBuilder()
    for batch in batches:
        builder.add(batch)
    sent = [by_known_reason(row or {}) for batch in batches for row in batch]
    for reason in RejectReason:
        column = [row.get(reason.value) for row in sent]
        assert list(builder.column.get(reason, [None] * len(sent))) == column
    assert set(builder.column) == {RejectReason(key) for row in sent for key in row}


@given(counts)
def test_reasons_that_are_not_known_count_as_other(sent: dict[str, int]) -> None:
    known = by_known_reason(sent)
    assert set(known) <= set(RejectReason)
    assert sum(known.values()) == sum(sent.values())
    assert known.get("stale") == sent.get("stale")


@pytest.mark.parametrize(
    ("fields", "rejected"),
    [
        ({"shares_rejected_by": {"stale": 2, "new": 3}}, 5),
        ({"shares_rejected_by": {}}, 0),
        ({"shares_rejected_by": {"stale": 2}, "shares_rejected": 7}, 7),
        ({"shares_rejected_by": None, "shares_rejected": 7}, 7),
        ({"shares_rejected_by": None}, None),
    ],
)
def test_rejected_shares_are_the_sum_of_the_reasons_where_no_sum_is_sent(
    fields: Fields, rejected: int | None
) -> None:
    assert rows(miner(1, **fields)).shares_rejected[0] == rejected
    assert list(rows(miner(1), miner(2, **fields)).shares_rejected) == [None, rejected]


def test_rejects_follow_their_rows_into_another_order() -> None:
    shown = rows(miner(2, shares_rejected_by={"stale": 2}), miner(1, shares_rejected_by={}))
    assert shown.shares_rejected_by == {RejectReason.STALE: [None, 2]}
    assert take(shown, [1]).shares_rejected_by == {RejectReason.STALE: [2]}
