import pytest

from exporters.exposition.families import ALL, Kind
from exporters.exposition.families.gateway import GATEWAY_FAMILIES
from stats_gateway.wire.services import Service
from tests.support.expositions import LAYOUTS, Samples, rendered, samples, text
from tests.support.senders import Senders
from tests.support.snapshots import (
    NOW,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
)

EMPTY = {Service.PROXY: miner_snapshot(), Service.POOL: connection_snapshot()}


def shown(service: Service, *messages: Fields, seconds: float = 0.0) -> Samples:
    """What source `a` looks like `seconds` after it sent these."""
    senders = Senders(service)
    senders.hello(1, "a")
    for message in messages:
        senders.send(1, message)
    senders.pass_time(seconds)
    return samples(text(rendered(senders.store.view, service)))


def of(found: Samples, family: str, label: str = "source") -> dict[str, float]:
    """A family's samples by one of its labels."""
    return {
        dict(labels).get(label, ""): value
        for (name, labels), value in found.items()
        if name == family
    }


@pytest.mark.parametrize("service", Service)
def test_a_source_that_is_down_is_shown_as_down_and_by_nothing_unknown(service: Service) -> None:
    found = shown(service, EMPTY[service], seconds=30)
    assert of(found, "stats_gateway_source_up") == {"a": 0}
    assert {name for name, _ in found} == {
        "stats_gateway_source_up",
        "stats_gateway_source_snapshot_timestamp_seconds",
        "stats_gateway_source_received_timestamp_seconds",
        "stats_gateway_source_interval_seconds",
    }


@pytest.mark.parametrize("service", Service)
def test_an_empty_source_is_zero_where_a_stale_one_is_absent(service: Service) -> None:
    found = shown(service, EMPTY[service])
    total = "proxy" if service is Service.PROXY else "pool"
    assert of(found, "stats_gateway_downstreams") == {"a": 0}
    assert of(found, f"stratum_{total}_hashrate_hashes_per_second") == {"a": 0}


def test_the_four_known_connection_types_are_always_there_and_others_when_seen() -> None:
    known = {"Translator": 0.0, "Mint": 0.0, "Job Declarator": 0.0, "Miner": 0.0}
    label = "connection_type"
    empty = shown(Service.POOL, connection_snapshot())
    assert of(empty, "stratum_pool_connections", label) == known
    odd = shown(Service.POOL, connection_snapshot(connection(1, connection_type="Nonsense")))
    assert of(odd, "stratum_pool_connections", label) == known | {"other": 1}


def test_the_pools_hashrate_is_that_of_connections_that_mine() -> None:
    kinds = {"Translator": 1.0, "Job Declarator": 2.0, "Mint": 4.0, "Miner": 16.0, "x": 8.0}
    rows = [
        connection(id_, connection_type=kind, hashrate=rate)
        for id_, (kind, rate) in enumerate(kinds.items())
    ]
    found = shown(Service.POOL, connection_snapshot(*rows))
    assert of(found, "stratum_pool_hashrate_hashes_per_second") == {"a": 19.0}


def test_work_is_difficulty_times_two_to_the_32_and_absent_when_not_sent() -> None:
    found = shown(Service.PROXY, miner_snapshot(miner(1, work=1.5), miner(2)))
    work = of(found, "stratum_proxy_miner_work_hashes_total", "downstream_id")
    assert work == {"1": 1.5 * 2**32}


def test_wallet_and_upstream_are_shown_as_far_as_they_were_sent() -> None:
    found = shown(
        Service.PROXY,
        miner_snapshot(
            wallet={"balance": 5, "quotes_created": 2},
            upstream={"address": "pool:34254", "connected": False},
        ),
    )
    assert of(found, "stratum_proxy_wallet_balance_ehash") == {"a": 5}
    assert of(found, "stratum_proxy_quotes_created_total") == {"a": 2}
    assert of(found, "stratum_proxy_quotes_amount_ehash_total") == {}
    assert of(found, "stratum_proxy_upstream_connected") == {"a": 0}
    assert of(found, "stratum_proxy_upstream_info", "address") == {"pool:34254": 1}


def test_nothing_is_known_of_a_wallet_or_upstream_that_was_not_sent() -> None:
    names = {name for name, _ in shown(Service.PROXY, miner_snapshot())}
    assert not [
        name for name in names if "wallet" in name or "upstream" in name or "quotes" in name
    ]


TOTALS: Fields = {
    "shares_submitted": 9,
    "shares_rejected_by": {"stale": 1, "job-not-found": 2},
    "work": 1.5,
}


@pytest.mark.parametrize("service", Service)
def test_what_a_sender_adds_up_itself_is_shown_as_far_as_it_was_sent(service: Service) -> None:
    snapshot, name = miner_snapshot, "stratum_proxy"
    if service is Service.POOL:
        snapshot, name = connection_snapshot, "stratum_pool"
    found = shown(service, snapshot(totals=TOTALS))
    assert of(found, f"{name}_shares_submitted_total") == {"a": 9}
    assert of(found, f"{name}_shares_rejected_total") == {"a": 3}
    by_reason = of(found, f"{name}_shares_rejected_by_reason_total", "reason")
    assert by_reason == {"stale": 1, "other": 2}
    assert of(found, f"{name}_work_hashes_total") == {"a": 1.5 * 2**32}
    for totals in (None, {}, {"work": 1e308}, {"work": float("nan")}):
        names = {one for one, _ in shown(service, snapshot(totals=totals))}
        assert not [one for one in names if one.startswith((f"{name}_shares", f"{name}_work"))]


def test_a_pools_wallet_is_what_its_events_tell_and_begins_with_the_first() -> None:
    balance: Fields = {"BalanceUpdate": {"balance": 5, "timestamp": NOW}}
    quote: Fields = {"QuoteCreated": {"downstream_id": 1, "amount": 7, "timestamp": NOW}}
    found = shown(Service.POOL, connection_snapshot(), balance)
    assert of(found, "stratum_pool_wallet_balance_ehash") == {"a": 5}
    assert of(found, "stratum_pool_quotes_created_total") == {}
    found = shown(Service.POOL, connection_snapshot(), quote, quote)
    assert of(found, "stratum_pool_wallet_balance_ehash") == {}
    assert of(found, "stratum_pool_quotes_created_total") == {"a": 2}
    assert of(found, "stratum_pool_quotes_amount_ehash_total") == {"a": 14}


def test_rejected_shares_are_shown_for_each_reason_that_a_row_sent() -> None:
    rejects: Fields = {"shares_rejected_by": {"stale": 3, "new": 4}}
    for service, message, family in (
        (Service.PROXY, miner_snapshot(miner(1, **rejects), miner(2)), "proxy_miner"),
        (Service.POOL, connection_snapshot(connection(1, **rejects)), "pool_connection"),
    ):
        found = shown(service, message)
        name = f"stratum_{family}_shares_rejected_by_reason_total"
        assert of(found, name, "reason") == {"stale": 3, "other": 4}
        assert of(found, name, "downstream_id") == {"1": 4}


def test_what_a_miner_and_its_device_say_is_shown_where_it_was_sent() -> None:
    told = miner(
        1, agent="bosminer 1", difficulty=512.0, device={"power": 3400.0, "temperature": -1.0}
    )
    found = shown(Service.PROXY, miner_snapshot(told, miner(2)))
    assert of(found, "stratum_proxy_miner_info", "agent") == {"bosminer 1": 1, "": 1}
    for name, value in (
        ("difficulty", {"1": 512.0}),
        ("device_hashrate_hashes_per_second", {}),
        ("device_power_watts", {"1": 3400.0}),
        ("device_temperature_celsius", {"1": -1.0}),
    ):
        assert of(found, f"stratum_proxy_miner_{name}", "downstream_id") == value


def test_active_and_idle_miners_add_up_to_all() -> None:
    ghost = miner(2, hashrate=0.0, shares_submitted=0, connected_at=NOW - 601)
    found = shown(Service.PROXY, miner_snapshot(miner(1), ghost))
    assert of(found, "stratum_proxy_miners", "state") == {"active": 1, "idle": 1}


def test_only_a_mint_has_quotes_and_each_pools_service_is_shown() -> None:
    mint = connection(2, connection_type="Mint", quotes_created=3, ehash_mined=9)
    found = shown(Service.POOL, connection_snapshot(connection(1), mint))
    family = "stratum_pool_connection_quotes_created_total"
    assert of(found, family, "downstream_id") == {"2": 3}
    services = shown(Service.POOL, pool_status())
    assert of(services, "stratum_pool_service_info", "service_type") == {"Pool": 1}


def test_every_family_has_a_help_that_is_a_sentence_and_a_name_that_says_its_type() -> None:
    for family in ALL:
        assert family.help.endswith("."), family.name
        assert not set(family.help) & set("\n\\")
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name


@pytest.mark.parametrize("service", Service)
def test_every_family_of_a_service_is_written_once(service: Service) -> None:
    layout = LAYOUTS[service]
    names = [family.name for family in (*layout.source_families, *layout.row_families)]
    assert len(set(names)) == len(names)
    assert not set(names) & {family.name for family in GATEWAY_FAMILIES}
