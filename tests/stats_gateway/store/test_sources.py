from stats_gateway.store.parts import WalletPart
from stats_gateway.wire.messages import ServiceInfo, WalletInfo
from stats_gateway.wire.services import Service
from tests.support.senders import Senders
from tests.support.snapshots import (
    NOW,
    Fields,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
    window,
)

HERE = "192.0.2.1"
HASHES = 2.0**32


def told(*messages: Fields, service: Service = Service.PROXY) -> Senders:
    """A store that was told these, each over a connection of its own from one address."""
    senders = Senders(service)
    for number, message in enumerate(messages, 1):
        senders.connect(number)
        senders.send(number, message)
    return senders


def jds(address: str) -> Fields:
    return {"listen_address": address, "timestamp": NOW}


def test_a_status_and_a_window_describe_the_same_rows() -> None:
    status = translator_status(status_miner(1, hashrate=5.0), status_miner(2, hashrate=6.0))
    rows = told(status, service_snapshot(window(1))).source(HERE).miners
    assert rows is not None
    assert list(rows.downstream_id) == [1, 2]
    assert rows.hashrate == [100.5 * HASHES / 60, 6.0]
    assert rows.work == [0.0, None]


def test_a_window_of_another_name_belongs_to_another_miner() -> None:
    before_the_restart = service_snapshot(window(1, name="somebody else"))
    rows = told(translator_status(status_miner(1, hashrate=5.0)), before_the_restart).source(HERE)
    assert rows.miners is not None
    assert rows.miners.hashrate == [5.0]
    assert rows.miners.work == [None]


def test_the_status_says_who_is_there() -> None:
    rows = told(translator_status(), service_snapshot(window(1))).source(HERE).miners
    assert rows is not None
    assert len(rows) == 0


def test_a_window_alone_says_what_it_can() -> None:
    rows = told(service_snapshot(window(2), window(1))).source(HERE).miners
    assert rows is not None
    assert rows.downstream_id == [1, 2]
    assert rows.shares_submitted == [100, 100]
    assert list(rows.connected_at) == [None, None]


def test_the_order_in_which_status_and_window_come_makes_no_difference() -> None:
    parts = (translator_status(status_miner(1)), service_snapshot(window(1)))
    assert told(*parts).source(HERE).miners == told(*reversed(parts)).source(HERE).miners


def test_a_pools_hashrate_comes_with_its_window() -> None:
    pool = told(
        pool_status(status_proxy(1)),
        service_snapshot(window(1), service_type="Pool"),
        service=Service.POOL,
    )
    rows = pool.source(HERE).connections
    assert rows is not None
    assert rows.hashrate == [100.5 * HASHES / 60]
    assert list(rows.quotes_created) == [130]
    alone = told(service_snapshot(window(1), service_type="Pool"), service=Service.POOL)
    assert alone.shown() == {HERE: [1]}


def test_a_service_that_is_named_twice_is_shown_once() -> None:
    declarator = {"service_type": "JobDeclarator", "address": "127.0.0.1:34264"}
    pool = told(
        pool_status(services=[declarator, declarator]), jds("127.0.0.1:34264"), service=Service.POOL
    )
    assert pool.source(HERE).services == (ServiceInfo(**declarator),)


def test_a_job_declarator_that_sends_nothing_more_expires_alone() -> None:
    pool = told(pool_status(), jds("127.0.0.1:34264"), service=Service.POOL)
    pool.send(1, pool_status(), seconds=20)
    pool.pass_time(30)
    assert [one.service_type for one in pool.source(HERE).services] == ["Pool"]


def test_the_wallet_of_a_snapshot_beats_what_events_add_up_to() -> None:
    balance: Fields = {"BalanceUpdate": {"balance": 5, "timestamp": NOW}}
    events = told(balance, miner_snapshot()).source(HERE)
    assert events.wallet == WalletPart(balance=5)
    both = told(balance, miner_snapshot(wallet={"balance": 7})).source(HERE)
    assert both.wallet == WalletInfo(balance=7)


def test_quotes_that_a_snapshot_leaves_unsaid_are_what_events_add_up_to() -> None:
    quote: Fields = {"QuoteCreated": {"downstream_id": 1, "amount": 3, "timestamp": NOW}}
    both = told(quote, quote, miner_snapshot(wallet={"balance": 7})).source(HERE)
    assert both.wallet == WalletPart(balance=7, quotes_created=2, quotes_amount=6)


def test_a_counter_of_quotes_begins_with_the_first_quote() -> None:
    balance: Fields = {"BalanceUpdate": {"balance": 5, "timestamp": NOW}}
    assert told(balance).source(HERE).wallet == WalletPart(balance=5)


def test_an_event_is_no_snapshot_and_leaves_the_age_of_the_newest_alone() -> None:
    senders = told(miner_snapshot())
    senders.send(1, {"BalanceUpdate": {"balance": 5, "timestamp": 1}}, seconds=5)
    assert senders.source(HERE).newest.timestamp == NOW


def test_a_source_shows_its_rows_and_nothing_of_the_other_service() -> None:
    source = told(miner_snapshot(miner(1))).source(HERE)
    assert source.rows is source.miners
    assert source.connections is None
