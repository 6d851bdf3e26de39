import pytest

from stats_gateway.errors import Dropped, MessageRefused, Reason
from stats_gateway.rows.rows import ConnectionType
from stats_gateway.rows.unknown import Unknown
from stats_gateway.store.contents import part_kind
from stats_gateway.store.parts import (
    ConnectionsPart,
    JobDeclaratorPart,
    MinersPart,
    PartKind,
    WalletPart,
)
from stats_gateway.wire.decoding import MessageDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import ServiceInfo, UpstreamInfo, WalletInfo
from stats_gateway.wire.services import Service
from tests.support.senders import content
from tests.support.snapshots import (
    NOW,
    Fields,
    connection_snapshot,
    line,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
)

JDS: Fields = {"listen_address": "127.0.0.1:34264", "timestamp": NOW}
BALANCE: Fields = {"BalanceUpdate": {"balance": 5, "timestamp": NOW}}
QUOTE: Fields = {"QuoteCreated": {"downstream_id": 1, "amount": 7, "timestamp": NOW}}

ACCEPTED: dict[Service, list[tuple[Fields, PartKind]]] = {
    Service.PROXY: [
        (miner_snapshot(), PartKind.ROWS),
        (translator_status(), PartKind.ROWS),
        (service_snapshot(service_type="Translator"), PartKind.WINDOW),
        (BALANCE, PartKind.WALLET),
        (QUOTE, PartKind.WALLET),
    ],
    Service.POOL: [
        (connection_snapshot(), PartKind.ROWS),
        (pool_status(), PartKind.ROWS),
        (service_snapshot(service_type="Pool"), PartKind.WINDOW),
        (JDS, PartKind.JOB_DECLARATOR),
        (BALANCE, PartKind.WALLET),
        (QUOTE, PartKind.WALLET),
    ],
}
FOR_ONE_SERVICE = [
    (service, message)
    for service, messages in ACCEPTED.items()
    for message, kind in messages
    if kind is not PartKind.WALLET
]


def kind_of(message: Fields, service: Service) -> PartKind:
    update = MessageDecoder(Encoding.JSON_LINES).decode(line(message))
    return part_kind(update, service)  # type: ignore[arg-type]  # no Hello and no retired event here


@pytest.mark.parametrize("service", Service)
def test_each_message_replaces_the_part_of_its_kind(service: Service) -> None:
    for message, kind in ACCEPTED[service]:
        assert kind_of(message, service) is kind


@pytest.mark.parametrize(("service", "message"), FOR_ONE_SERVICE)
def test_a_message_for_the_other_service_is_refused_and_told_where_to_go(
    service: Service, message: Fields
) -> None:
    other = Service.POOL if service is Service.PROXY else Service.PROXY
    with pytest.raises(MessageRefused, match=service.value) as refused:
        kind_of(message, other)
    assert refused.value.reason is Reason.WRONG_SERVICE


def test_a_translators_status_is_a_snapshot_with_wallet_and_upstream() -> None:
    part = content(translator_status(status_miner(3)))
    same = content(miner_snapshot(miner(3)))
    assert isinstance(part, MinersPart)
    assert isinstance(same, MinersPart)
    assert part.rows == same.rows
    assert part.wallet == WalletInfo(balance=500_000)
    assert part.upstream == UpstreamInfo(address="127.0.0.1:34254", network="testnet4")


def test_a_status_without_wallet_or_upstream_leaves_both_unknown() -> None:
    status = translator_status(ehash_balance=None, upstream_pool=None, blockchain_network=None)
    part = content(status)
    assert isinstance(part, MinersPart)
    assert part.wallet is None
    assert part.upstream is None


def test_a_pools_status_tells_translators_and_job_declarator_clients_apart() -> None:
    part = content(pool_status(status_proxy(1), status_proxy(2, work_selection=True)))
    assert isinstance(part, ConnectionsPart)
    assert part.rows.connection_type == [ConnectionType.TRANSLATOR, ConnectionType.JOB_DECLARATOR]
    assert part.rows.hashrate == part.rows.connected_at == Unknown(2)
    assert list(part.rows.last_share_at) == [NOW - 5, NOW - 5]
    assert part.services == (ServiceInfo(service_type="Pool", address="0.0.0.0:34254"),)


def test_a_pools_status_has_no_hashrate_and_nothing_was_dropped_for_it() -> None:
    dropped = Dropped()
    content(pool_status(status_proxy()), dropped=dropped)
    assert not +dropped


def test_a_pool_that_says_where_it_listens_is_a_service() -> None:
    part = content(connection_snapshot(listen_address="0.0.0.0:34254"))
    assert isinstance(part, ConnectionsPart)
    assert part.services == (ServiceInfo(service_type="Pool", address="0.0.0.0:34254"),)
    silent = content(connection_snapshot())
    assert isinstance(silent, ConnectionsPart)
    assert silent.services == ()


def test_wallet_events_add_up() -> None:
    part = content(QUOTE, content(QUOTE, content(BALANCE)))
    assert part == WalletPart(balance=5, quotes_created=2, quotes_amount=14)
    assert content(BALANCE, part) == part


def test_texts_of_peers_are_made_showable_everywhere() -> None:
    bad, good = "a\n" + "b" * 500, "a\ufffd" + "b" * 252
    upstream = content(miner_snapshot(upstream={"address": bad, "network": bad}))
    assert isinstance(upstream, MinersPart)
    assert upstream.upstream == UpstreamInfo(address=good, network=good)
    services = content(pool_status(services=[{"service_type": bad, "address": bad}]))
    assert isinstance(services, ConnectionsPart)
    assert services.services == (ServiceInfo(service_type=good, address=good),)
    assert content(JDS | {"listen_address": bad}) == JobDeclaratorPart(address=good)
