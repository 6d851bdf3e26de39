"""The old services' own examples, sent by their senders, must come back as they were."""

import json

import pytest

from exporters.endpoints.old_shapes import OldEndpoints
from stats_gateway.wire.services import Service
from tests.support.routes import Get, serving_routes
from tests.support.senders import Senders
from tests.support.snapshots import (
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
)

TRANSLATOR_STATUS = json.loads(
    '{"ehash_balance":500000,"upstream_pool":{"address":"127.0.0.1:34254"},"downstream_miners":'
    '[{"name":"miner_1","id":1,"address":"192.168.1.100:4444","hashrate":150000000000.0,'
    '"shares_submitted":42,"connected_at":1730488000}],"blockchain_network":"testnet4",'
    '"timestamp":1730488920}'
)
POOL_STATUS = json.loads(
    '{"services":[{"service_type":"Pool","address":"0.0.0.0:34254"},{"service_type":"Mint",'
    '"address":"127.0.0.1:34260"}],"downstream_proxies":[{"id":1,"address":"127.0.0.1:33866",'
    '"channels":[],"shares_submitted":260,"quotes_created":130,"ehash_mined":492544,'
    '"last_share_at":1730488875,"work_selection":false}],"listen_address":"0.0.0.0:34254",'
    '"timestamp":1730488875}'
)
JDS_SNAPSHOT = json.loads('{"listen_address":"127.0.0.1:34264","timestamp":1730488875}')
JOB_DECLARATOR = {"service_type": "JobDeclarator", "address": "127.0.0.1:34264"}

PATHS = {
    Service.PROXY: ["/api/stats", "/balance"],
    Service.POOL: ["/api/stats", "/api/services", "/api/connections"],
}


def told(service: Service, *messages: Fields) -> Senders:
    """A store to which each message came over a connection of its own."""
    senders = Senders(service)
    for number, message in enumerate(messages):
        senders.connect(number)
        senders.send(number, message)
    return senders


def named(service: Service, **messages: Fields) -> Senders:
    """A store to which each source sent its message."""
    senders = Senders(service)
    for number, (source, message) in enumerate(messages.items()):
        senders.hello(number, source)
        senders.send(number, message)
    return senders


def old(senders: Senders) -> OldEndpoints:
    return OldEndpoints(service=senders.store.service, store=senders.store)


async def refused(get: Get, path: str) -> bool:
    answer = await get(path)
    return (answer.status, answer.json) == (503, {"error": "no data available"})


async def test_a_translators_status_comes_back_as_it_was_sent() -> None:
    async with serving_routes(old(told(Service.PROXY, TRANSLATOR_STATUS)).routes()) as get:
        answer = await get("/api/stats")
        assert (answer.status, answer.json) == (200, TRANSLATOR_STATUS)
        balance = {"balance": "500000 ehash", "balance_raw": 500_000, "unit": "HASH"}
        assert (await get("/balance")).json == balance


async def test_a_pools_status_comes_back_with_the_job_declarator_merged() -> None:
    pool = told(Service.POOL, POOL_STATUS, JDS_SNAPSHOT)
    services = [*POOL_STATUS["services"], JOB_DECLARATOR]
    async with serving_routes(old(pool).routes()) as get:
        assert (await get("/api/stats")).json == POOL_STATUS | {"services": services}
        assert (await get("/api/services")).json == services
        assert (await get("/api/connections")).json == POOL_STATUS["downstream_proxies"]


@pytest.mark.parametrize("service", Service)
async def test_what_is_not_known_is_a_503_and_never_zeros(service: Service) -> None:
    async with serving_routes(old(Senders(service)).routes()) as get:
        for path in PATHS[service]:
            assert await refused(get, path)


async def test_what_has_expired_is_not_known_any_more() -> None:
    senders = told(Service.PROXY, TRANSLATOR_STATUS)
    senders.close(0)
    senders.pass_time(60)
    async with serving_routes(old(senders).routes()) as get:
        assert await refused(get, "/api/stats")


async def test_no_miners_is_an_answer() -> None:
    senders = told(Service.PROXY, TRANSLATOR_STATUS | {"downstream_miners": []})
    async with serving_routes(old(senders).routes()) as get:
        assert (await get("/api/stats")).json == TRANSLATOR_STATUS | {"downstream_miners": []}


async def test_a_job_declarator_alone_says_nothing_of_connections() -> None:
    async with serving_routes(old(told(Service.POOL, JDS_SNAPSHOT)).routes()) as get:
        assert (await get("/api/services")).json == [JOB_DECLARATOR]
        assert await refused(get, "/api/connections")
        assert await refused(get, "/api/stats")


async def test_a_redacted_address_leaves_nothing_of_itself() -> None:
    addresses = ("192.0.2.1:4444", "[2001:db8::1]:4444", "2001:db8::1", None)
    senders = Senders(redact_ip=True)
    senders.hello(1, "a")
    miners = (miner(number, address=address) for number, address in enumerate(addresses))
    senders.send(1, miner_snapshot(*miners))
    async with serving_routes(old(senders).routes()) as get:
        rows = (await get("/api/stats")).json["downstream_miners"]
        assert [row["address"] for row in rows] == ["REDACTED"] * len(addresses)


async def test_an_ipv6_address_is_whole_where_nothing_is_redacted() -> None:
    senders = named(Service.PROXY, a=miner_snapshot(miner(address="[2001:db8::1]:4444")))
    async with serving_routes(old(senders).routes()) as get:
        (row,) = (await get("/api/stats")).json["downstream_miners"]
        assert row["address"] == "[2001:db8::1]:4444"


async def test_several_sources_are_merged_and_source_narrows_to_one() -> None:
    senders = named(
        Service.PROXY,
        b=miner_snapshot(miner(1), wallet={"balance": 5}),
        a=miner_snapshot(miner(1), miner(2), wallet={"balance": 7}),
        c=miner_snapshot(),
    )
    async with serving_routes(old(senders).routes()) as get:
        merged = (await get("/api/stats")).json
        assert [row["id"] for row in merged["downstream_miners"]] == [1, 2, 1]
        assert merged["ehash_balance"] == 12
        only = (await get("/api/stats?source=b")).json
        assert [row["id"] for row in only["downstream_miners"]] == [1]
        assert (await get("/balance?source=a")).json["balance_raw"] == 7
        assert await refused(get, "/balance?source=c")
        assert await refused(get, "/api/stats?source=unheard")


async def test_what_a_new_sender_does_not_say_is_null() -> None:
    async with serving_routes(old(named(Service.PROXY, a=miner_snapshot(miner()))).routes()) as get:
        stats = (await get("/api/stats")).json
        assert (stats["ehash_balance"], stats["upstream_pool"]) == (None, None)
        assert stats["blockchain_network"] == "unknown"


async def test_connections_of_a_new_sender_have_the_old_fields() -> None:
    snapshot = connection_snapshot(
        connection(1, connection_type="Job Declarator"),
        connection(2, last_share_at=1_730_488_875),
        listen_address="0.0.0.0:34254",
    )
    async with serving_routes(old(named(Service.POOL, a=snapshot)).routes()) as get:
        declarator, translator = (await get("/api/connections")).json
        assert declarator["work_selection"] is True
        assert translator == {
            "id": 2,
            "address": "REDACTED",
            "channels": [1, 2],
            "shares_submitted": 260,
            "quotes_created": None,
            "ehash_mined": None,
            "last_share_at": 1_730_488_875,
            "work_selection": False,
        }
        assert (await get("/api/stats")).json["listen_address"] == "0.0.0.0:34254"


async def test_there_is_no_page_limit() -> None:
    snapshot = miner_snapshot(*(miner(number) for number in range(1000)))
    async with serving_routes(old(named(Service.PROXY, a=snapshot)).routes()) as get:
        assert len((await get("/api/stats?limit=1")).json["downstream_miners"]) == 1000
