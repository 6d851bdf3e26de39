import math
from collections.abc import Sequence
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import Dropped, DroppedValue
from stats_gateway.limits import MAX_NAME_BYTES
from stats_gateway.rows.rows import IDLE_SECONDS, ConnectionRows, ConnectionType, MinerRows
from stats_gateway.rows.unknown import Unknown
from stats_gateway.store.parts import ConnectionsPart, Content, MinersPart
from tests.support.senders import at, content
from tests.support.snapshots import (
    NOW,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
)

DAY = 86_400.0


def miners(message: Fields, previous: Content | None = None, seconds: float = 0.0) -> MinersPart:
    part = content(message, previous, at(seconds))
    assert isinstance(part, MinersPart)
    return part


def rows(message: Fields, previous: Content | None = None, seconds: float = 0.0) -> MinerRows:
    return miners(message, previous, seconds).rows


def connections(message: Fields, dropped: Dropped | None = None) -> ConnectionRows:
    part = content(message, dropped=dropped)
    assert isinstance(part, ConnectionsPart)
    return part.rows


def ghost(shares: int = 42, **fields: object) -> Fields:
    """A row that sends nothing any more, as translators leave them behind."""
    return miner(1, hashrate=0.0, shares_submitted=shares, **fields)


def idle_after(snapshots: Sequence[tuple[float, Fields]], skew: float = 0.0) -> frozenset[int]:
    """Who is idle after rows that came at these seconds, by a sender whose clock is off."""
    part: MinersPart | None = None
    for seconds, row in snapshots:
        timestamp = int(NOW + seconds + skew)
        part = miners(miner_snapshot(row, timestamp=timestamp), part, seconds)
    assert part is not None
    return part.rows.idle


def test_rows_come_in_order_of_their_id_whatever_order_they_were_sent_in() -> None:
    shown = rows(miner_snapshot(miner(3), miner(1, name="one"), miner(2)))
    assert list(shown.downstream_id) == [1, 2, 3]
    assert list(shown.name) == ["one", "farm1.rig-2", "farm1.rig-3"]


@pytest.mark.parametrize("column", ["hashrate", "work"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, DroppedValue.NOT_A_NUMBER),
        (math.inf, DroppedValue.NOT_A_NUMBER),
        (-math.inf, DroppedValue.NOT_A_NUMBER),
        (-1.0, DroppedValue.NEGATIVE),
    ],
)
def test_a_value_that_cannot_be_is_absent_for_its_row_and_counted(
    column: str, value: float, reason: DroppedValue
) -> None:
    dropped = Dropped()
    part = content(miner_snapshot(miner(1, **{column: value}), miner(2, work=1.0)), dropped=dropped)
    assert isinstance(part, MinersPart)
    assert getattr(part.rows, column)[0] is None
    assert list(part.rows.shares_submitted) == [42, 42]
    assert +dropped == {reason: 1}


def test_values_too_large_to_add_up_are_values_all_the_same() -> None:
    shown = rows(miner_snapshot(miner(1, hashrate=1.5e308), miner(2, hashrate=1.5e308)))
    assert list(shown.hashrate) == [1.5e308, 1.5e308]


def test_a_measurement_that_is_null_is_unknown_and_nothing_was_dropped_for_it() -> None:
    dropped = Dropped()
    content(miner_snapshot(miner(1, hashrate=None, work=None), miner(2)), dropped=dropped)
    assert not +dropped


def test_a_name_is_cut_at_its_limit_and_counted() -> None:
    dropped = Dropped()
    names = ["ä" * 100, "a" * MAX_NAME_BYTES, "a\nb"]
    part = content(
        miner_snapshot(*(miner(number, name=name) for number, name in enumerate(names))),
        dropped=dropped,
    )
    assert isinstance(part, MinersPart)
    assert list(part.rows.name) == ["ä" * 64, "a" * MAX_NAME_BYTES, "a\ufffdb"]
    assert +dropped == {DroppedValue.NAME_CUT: 1}


@pytest.mark.parametrize("address", [None, "", "REDACTED"])
def test_an_address_that_the_sender_redacts_is_unknown(address: str | None) -> None:
    assert list(rows(miner_snapshot(miner(address=address), miner(2))).address) == [
        None,
        "192.0.2.1:4002",
    ]


def test_what_a_sender_does_not_say_is_unknown_and_never_zero() -> None:
    shown = rows(miner_snapshot(miner()))
    assert shown.shares_rejected == shown.work == Unknown(1)
    assert shown.last_share_at == [None]


def test_a_last_share_that_is_sent_is_believed() -> None:
    assert list(rows(miner_snapshot(miner(last_share_at=NOW - 5))).last_share_at) == [NOW - 5]


def test_a_last_share_that_is_not_sent_is_when_the_count_was_seen_to_grow() -> None:
    first = miners(miner_snapshot(miner(shares_submitted=5)))
    assert first.rows.last_share_at == [None]
    second = miners(miner_snapshot(miner(shares_submitted=6)), first, 10)
    assert second.rows.last_share_at == [NOW + 10]
    third = miners(miner_snapshot(miner(shares_submitted=6)), second, 20)
    assert third.rows.last_share_at == [NOW + 10]
    assert rows(miner_snapshot(miner(2)), third, 30).last_share_at == [None]


def test_rows_with_and_without_a_last_share_live_side_by_side() -> None:
    first = miners(miner_snapshot(miner(1, last_share_at=NOW), miner(2)))
    grown = (miner(1, last_share_at=NOW), miner(2, shares_submitted=43))
    assert rows(miner_snapshot(*grown), first, 10).last_share_at == [NOW, NOW + 10]


@pytest.mark.parametrize("jitter", [-3, -1, 1, 3])
def test_a_connection_time_that_wanders_is_the_same_session(jitter: int) -> None:
    first = miners(miner_snapshot(miner(shares_submitted=5)))
    grown = miners(miner_snapshot(miner(shares_submitted=6)), first, 10)
    wandered = miner(shares_submitted=6, connected_at=NOW - 920 + jitter)
    assert rows(miner_snapshot(wandered), grown, 20).last_share_at == [NOW + 10]


@pytest.mark.parametrize(
    "fields",
    [
        {"shares_submitted": 1},
        {"shares_submitted": 7, "connected_at": NOW - 916},
        {"shares_submitted": 7, "connected_at": NOW - 924},
    ],
)
def test_an_id_that_is_used_again_is_a_new_session_without_a_last_share(fields: Fields) -> None:
    first = miners(miner_snapshot(miner(shares_submitted=5)))
    grown = miners(miner_snapshot(miner(shares_submitted=6)), first, 10)
    assert rows(miner_snapshot(miner(1, **fields)), grown, 20).last_share_at == [None]


def test_a_miner_is_idle_after_ten_minutes_without_hashrate_and_without_a_new_share() -> None:
    assert not idle_after([(0, ghost()), (IDLE_SECONDS - 1, ghost())])
    assert idle_after([(0, ghost()), (IDLE_SECONDS, ghost())]) == {1}


def test_a_miner_with_hashrate_is_never_idle() -> None:
    assert not idle_after([(0, miner()), (DAY, miner())])


def test_a_new_share_makes_a_miner_active_again() -> None:
    assert not idle_after([(0, ghost(1)), (IDLE_SECONDS, ghost(1)), (IDLE_SECONDS + 10, ghost(2))])


def test_a_wandering_connection_time_keeps_no_ghost_active() -> None:
    wandering = [(10.0 * tick, ghost(connected_at=NOW - 920 + tick % 3 - 1)) for tick in range(62)]
    assert idle_after(wandering) == {1}


def test_a_ghost_beside_the_living_row_of_the_same_name_is_idle_alone() -> None:
    part: MinersPart | None = None
    for seconds in (0, 300, 600):
        alive = miner(2, name="rig", shares_submitted=seconds)
        part = miners(miner_snapshot(ghost(name="rig"), alive), part, seconds)
    assert part is not None
    assert part.rows.idle == {1}
    assert list(part.rows.name) == ["rig", "rig"]


@pytest.mark.parametrize("skew", [-DAY, 0.0, DAY])
def test_a_senders_clock_that_is_a_day_off_makes_nobody_idle_or_active(skew: float) -> None:
    connected_at = int(NOW + skew)
    says_when = ghost(connected_at=connected_at, last_share_at=connected_at)
    for row in (says_when, ghost(connected_at=connected_at)):
        assert not idle_after([(0, row), (599, row)], skew)
        assert idle_after([(0, row), (601, row)], skew) == {1}


def test_a_miner_that_never_sent_a_share_is_idle_by_its_connection_time_at_once() -> None:
    assert idle_after([(0, ghost(0, connected_at=NOW - 600))]) == {1}
    assert not idle_after([(0, ghost(0, connected_at=NOW - 599))])


def test_a_miner_of_unknown_hashrate_is_idle_like_one_of_none() -> None:
    unknown = miner(hashrate=math.nan)
    assert idle_after([(0, unknown), (600, unknown)]) == {1}


@pytest.mark.parametrize(("hashrate", "is_idle"), [(0.0, True), (None, False), (1.0, False)])
def test_a_miner_of_unknown_shares_is_idle_by_its_hashrate_alone(
    hashrate: float | None, *, is_idle: bool
) -> None:
    unknown = miner(hashrate=hashrate, shares_submitted=None)
    assert bool(idle_after([(0, unknown), (DAY, unknown)])) == is_idle


def test_a_last_share_that_is_sent_makes_idle_though_the_count_is_unknown() -> None:
    for age, is_idle in ((599, False), (600, True)):
        row = miner(hashrate=0.0, shares_submitted=None, last_share_at=NOW - age)
        assert bool(idle_after([(0, row)])) == is_idle


@pytest.mark.parametrize("field", ["hashrate", "shares_submitted", "connected_at"])
def test_a_number_that_is_null_or_absent_is_unknown_for_its_row(field: str) -> None:
    absent = miner(3)
    del absent[field]
    shown = rows(miner_snapshot(miner(1), miner(2, **{field: None}), absent))
    known, *unknown = getattr(shown, field)
    assert known is not None
    assert unknown == [None, None]


def test_a_column_of_which_nothing_is_known_holds_nothing_for_its_rows() -> None:
    unknown = dict.fromkeys(("address", "hashrate", "shares_submitted", "connected_at"))
    shown = rows(miner_snapshot(*(miner(id_, **unknown) for id_ in range(2000))))
    for column in (*unknown, "last_share_at", "agent", "difficulty", "device_power"):
        assert getattr(shown, column) == Unknown(2000)
    assert shown.shares_rejected_by == {}
    assert not shown.idle


def test_a_share_count_that_becomes_known_has_a_last_share_once_it_grows() -> None:
    part: MinersPart | None = None
    seen = []
    for second, shares in enumerate([None, 5, 6, None, 7]):
        part = miners(miner_snapshot(miner(shares_submitted=shares)), part, second)
        seen.append(list(part.rows.last_share_at))
    assert seen == [[None], [None], [NOW + 2.0], [None], [None]]


def test_a_connection_time_that_wanders_is_shown_as_it_was_first_sent() -> None:
    part: MinersPart | None = None
    shown = []
    for second, jitter in enumerate([0, 1, -1, 3, 4, 2]):
        row = miner(1, connected_at=NOW + jitter, shares_submitted=second)
        part = miners(miner_snapshot(row, miner(2)), part, second)
        shown.append(part.rows.connected_at[0])
    assert shown == [NOW, NOW, NOW, NOW, NOW + 4, NOW + 4]


def test_a_session_whose_count_fell_has_a_connection_time_of_its_own() -> None:
    first = miners(miner_snapshot(miner(connected_at=NOW)))
    again = miner(connected_at=NOW + 2, shares_submitted=0)
    assert list(rows(miner_snapshot(again), first, 2).connected_at) == [NOW + 2]


@pytest.mark.parametrize("field", ["hashrate", "work", "difficulty"])
def test_a_negative_zero_is_zero(field: str) -> None:
    for others in ([], [miner(2)], [miner(2, **{field: 1.0})]):
        column = getattr(rows(miner_snapshot(miner(1, **{field: -0.0}), *others)), field)
        assert str(column[0]) == "0.0"


def test_what_a_device_reports_may_be_cold_and_never_negative_power() -> None:
    dropped = Dropped()
    devices = [{"hashrate": 1e14, "power": 3500.0, "temperature": -5.5}, {"power": -1.0}, {}, None]
    sent = miner_snapshot(*(miner(id_, device=one) for id_, one in enumerate(devices)))
    part = content(sent, dropped=dropped)
    assert isinstance(part, MinersPart)
    assert list(part.rows.device_hashrate) == [1e14, None, None, None]
    assert list(part.rows.device_power) == [3500.0, None, None, None]
    assert list(part.rows.device_temperature) == [-5.5, None, None, None]
    assert +dropped == {DroppedValue.NEGATIVE: 1}


def test_an_agent_is_made_showable_and_an_empty_one_is_unknown() -> None:
    agents = ["cgminer/4.11.1", "a\nb", "", None, "x" * 500]
    shown = rows(miner_snapshot(*(miner(id_, agent=one) for id_, one in enumerate(agents))))
    assert shown.agent == ["cgminer/4.11.1", "a\ufffdb", None, None, "x" * MAX_NAME_BYTES]


def test_a_connection_of_an_unheard_type_is_other() -> None:
    kinds = ["Mint", "Translator", "Job Declarator", "Miner", "translator", "Ünheard"]
    sent = [connection(number, connection_type=kind) for number, kind in enumerate(kinds)]
    assert connections(connection_snapshot(*sent)).connection_type == [
        ConnectionType.MINT,
        ConnectionType.TRANSLATOR,
        ConnectionType.JOB_DECLARATOR,
        ConnectionType.MINER,
        ConnectionType.OTHER,
        ConnectionType.OTHER,
    ]


def test_names_of_connections_are_cut_and_counted_like_miners() -> None:
    dropped = Dropped()
    rows = connections(connection_snapshot(connection(name="a" * 500)), dropped)
    assert rows.name == ["a" * MAX_NAME_BYTES]
    assert +dropped == {DroppedValue.NAME_CUT: 1}


row = st.fixed_dictionaries(
    {
        "downstream_id": st.integers(0, 5),
        "name": st.sampled_from(["a", "b", "a\nb", "x" * 200]),
        "address": st.sampled_from([None, "REDACTED", "", "h:1", "h:2", "\0"]),
        "hashrate": st.sampled_from([0.0, 1.0, 2.0, -1.0, math.nan, math.inf, None]),
        "shares_submitted": st.sampled_from([0, 1, 2, 3, None]),
    },
    optional={
        "connected_at": st.sampled_from([NOW, None]),
        "shares_rejected_by": st.dictionaries(
            st.sampled_from(["stale", "other", "new"]), st.integers(0, 2)
        ),
        "difficulty": st.sampled_from([None, 0.0, 1.0, math.nan]),
        "agent": st.sampled_from([None, "", "a", "\0"]),
        "shares_rejected": st.sampled_from([None, 0, 1]),
        "work": st.sampled_from([None, 0.0, 1.0, math.nan]),
        "last_share_at": st.sampled_from([None, NOW]),
    },
)
snapshots = st.lists(
    st.lists(row, max_size=4, unique_by=lambda row: row["downstream_id"]), min_size=1, max_size=6
)


@given(snapshots)
def test_what_came_before_changes_nothing_but_what_was_seen_of_shares(
    snapshots: list[list[Fields]],
) -> None:
    part: Content | None = None
    for number, sent in enumerate(snapshots):
        counted, fresh = Dropped(), Dropped()
        part = content(miner_snapshot(*sent), part, at(number), counted)
        alone = content(miner_snapshot(*sent), None, at(number), fresh)
        assert isinstance(part, MinersPart)
        assert isinstance(alone, MinersPart)
        for field in fields(part.rows):
            if field.name not in ("last_share_at", "sightings", "idle"):
                ours, theirs = getattr(part.rows, field.name), getattr(alone.rows, field.name)
                assert list(ours) == list(theirs)
        assert part.rows.shares_rejected_by == alone.rows.shares_rejected_by
        assert counted[DroppedValue.NOT_A_NUMBER] == fresh[DroppedValue.NOT_A_NUMBER]
        assert counted[DroppedValue.NEGATIVE] == fresh[DroppedValue.NEGATIVE]


def test_an_agent_that_many_miners_say_is_kept_once() -> None:
    shown = rows(miner_snapshot(*(miner(id_, agent="cgminer/4.11.1") for id_ in range(1000))))
    assert len({id(agent) for agent in shown.agent}) == 1
