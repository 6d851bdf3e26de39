import pytest

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import Limits
from stats_gateway.store.parts import CLOSED_SECONDS, SILENT_SECONDS
from stats_gateway.store.store import REMEMBERED_SECONDS
from tests.support.senders import Senders, at
from tests.support.snapshots import NOW, Fields, miner, miner_snapshot, service_snapshot, window

HERE = "192.0.2.1"


def sent(*ids: int, **fields: object) -> Fields:
    return miner_snapshot(*(miner(id_) for id_ in ids), **fields)


def test_a_snapshot_replaces_and_never_merges() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1, 2, wallet={"balance": 5}))
    senders.send(1, sent(2, 3))
    assert senders.shown() == {"a": [2, 3]}
    assert senders.source("a").wallet is None


def test_a_reader_keeps_the_moment_it_took() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    before = senders.store.view
    rows = before.sources["a"].rows
    senders.send(1, sent(2))
    senders.pass_time(40)
    assert before.sources["a"].rows is rows
    assert rows is not None
    assert list(rows.downstream_id) == [1]


def test_listeners_hear_of_every_change_and_of_nothing_else() -> None:
    senders = Senders()
    heard: list[int] = []
    senders.store.subscribe(lambda: heard.append(len(senders.store.view.fresh())))
    senders.hello(1, "a")
    senders.pass_time(1)
    assert heard == []
    senders.send(1, sent(1), 1)
    senders.pass_time(2)
    assert heard == [1]
    senders.pass_time(31)
    assert heard == [1, 0]


def test_rows_live_ten_seconds_after_their_connection_closed() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.close(1, 2)
    senders.pass_time(11.9)
    assert senders.shown() == {"a": [1]}
    senders.pass_time(12)
    assert senders.shown() == {}


def test_rows_live_thirty_seconds_in_silence() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.pass_time(29.9)
    assert senders.shown() == {"a": [1]}
    senders.pass_time(30)
    assert senders.shown() == {}


@pytest.mark.parametrize("interval", [1.0, 60.0])
def test_rows_live_three_of_the_intervals_that_their_sender_declared(interval: float) -> None:
    senders = Senders()
    senders.hello(1, "a", interval)
    senders.send(1, sent(1))
    senders.pass_time(3 * interval - 0.1)
    assert senders.shown() == {"a": [1]}
    senders.pass_time(3 * interval)
    assert senders.shown() == {}


def test_a_connection_that_closes_late_in_its_silence_adds_no_time() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.close(1, 25)
    senders.pass_time(30)
    assert senders.shown() == {}


def test_a_sender_that_comes_back_in_time_is_never_gone() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.close(1, 1)
    senders.hello(2, "a")
    senders.send(2, sent(1, 2), 9)
    senders.pass_time(20)
    assert senders.shown() == {"a": [1, 2]}


def test_never_and_stale_and_empty_are_three_different_things() -> None:
    senders = Senders()
    senders.hello(1, "a")
    assert senders.store.view.sources == {}, "never: not a source"
    senders.send(1, sent())
    assert senders.shown() == {"a": []}, "empty: rows, none of them"
    senders.pass_time(30)
    assert senders.source("a").rows is None, "stale: unknown"
    assert not senders.source("a").up


def test_a_source_that_is_down_is_remembered_for_a_day_with_its_times() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.pass_time(30)
    senders.pass_time(30 + REMEMBERED_SECONDS - 1)
    assert senders.source("a").newest.timestamp == NOW
    senders.pass_time(30 + REMEMBERED_SECONDS)
    assert senders.store.view.sources == {}


def test_a_source_that_was_down_is_up_again_with_its_next_snapshot() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.pass_time(30)
    senders.send(1, sent(2), 31)
    assert senders.shown() == {"a": [2]}
    senders.pass_time(60)
    assert senders.shown() == {"a": [2]}


def test_each_part_expires_by_itself() -> None:
    senders = Senders()
    senders.connect(1)
    senders.connect(2)
    senders.send(1, sent(1))
    senders.send(2, service_snapshot(window(1)), 20)
    senders.pass_time(30)
    rows = senders.source(HERE).miners
    assert rows is not None
    assert rows.shares_submitted == [100], "from the window alone"


def test_a_wallet_does_not_outlive_the_snapshots_it_came_with() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, {"BalanceUpdate": {"balance": 5, "timestamp": NOW}})
    senders.send(1, sent(1))
    senders.pass_time(30)
    assert not senders.source("a").up
    assert senders.source("a").wallet is None


def test_a_refused_snapshot_takes_nothing_away() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, sent(1))
    with pytest.raises(MessageRefused):
        senders.send(1, sent(2, 2), 5)
    assert senders.shown() == {"a": [1]}
    assert senders.source("a").newest.received.unix == NOW


def test_what_one_sender_says_leaves_others_alone() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.hello(2, "b")
    senders.send(1, sent(1))
    other = senders.source("a")
    senders.send(2, sent(1))
    senders.close(2, 1)
    senders.pass_time(20)
    assert senders.source("a") is other


def test_the_source_that_is_down_longest_makes_room_for_a_new_one() -> None:
    senders = Senders(limits=Limits(max_sources=2))
    for number, name in enumerate(("a", "b"), 1):
        senders.hello(number, name)
        senders.send(number, sent(1), number)
    senders.pass_time(31)
    senders.pass_time(32)
    senders.hello(3, "c")
    senders.send(3, sent(1), 33)
    assert set(senders.store.view.sources) == {"b", "c"}


def test_one_source_too_many_is_refused_while_all_are_up() -> None:
    senders = Senders(limits=Limits(max_sources=1))
    senders.hello(1, "a")
    senders.send(1, sent(1))
    senders.hello(2, "b")
    with pytest.raises(MessageRefused) as refused:
        senders.send(2, sent(1))
    assert refused.value.reason is Reason.TOO_MANY_SOURCES
    assert senders.shown() == {"a": [1]}


def test_a_source_shows_the_interval_that_was_declared_else_ten_seconds() -> None:
    senders = Senders()
    senders.hello(1, "a", 5.0)
    senders.connect(2)
    senders.send(1, sent())
    senders.send(2, sent())
    assert senders.source("a").interval == 5.0
    assert senders.source(HERE).interval == 10.0


def quote(timestamp: int = NOW) -> Fields:
    return {"QuoteCreated": {"downstream_id": 1, "amount": 3, "timestamp": timestamp}}


def test_a_source_that_only_sends_events_is_up_while_its_connection_is_open() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, quote(NOW))
    senders.send(1, quote(NOW + 500), 500)
    assert senders.source("a").newest.timestamp == NOW + 500
    senders.pass_time(10_000)
    assert senders.source("a").up
    senders.close(1, 10_000)
    senders.pass_time(10_000 + CLOSED_SECONDS)
    assert not senders.source("a").up
    assert senders.source("a").wallet is None


def test_events_do_not_keep_a_source_up_whose_snapshots_have_expired() -> None:
    senders = Senders()
    senders.hello(1, "a")
    senders.send(1, quote())
    senders.send(1, sent(1), 1)
    senders.pass_time(1 + SILENT_SECONDS)
    senders.send(1, quote(), 40)
    source = senders.source("a")
    assert not source.up
    assert source.down_since == at(1 + SILENT_SECONDS).monotonic
    assert source.wallet is None


def test_a_counter_of_events_goes_on_where_the_snapshots_were_away_for_a_while() -> None:
    senders = Senders()
    senders.hello(1, "a")
    for seconds in (0, 1):
        senders.send(1, quote(), seconds)
    senders.send(1, sent(1), 1)
    senders.pass_time(100)
    senders.send(1, quote(), 100)
    senders.send(1, sent(1), 101)
    wallet = senders.source("a").wallet
    assert wallet is not None
    assert wallet.quotes_created == 3


def test_only_the_peer_that_has_a_name_gives_it_up() -> None:
    senders = Senders()
    for number in (1, 2):
        senders.hello(number, "a")
    senders.close(1)
    assert senders.hello(3, "a") == 2
