"""Who is let in, who has to go, and how time passes. What one peer says is in `test_connection`."""

import asyncio
import socket
import struct
from contextlib import AsyncExitStack

from stats_gateway.errors import ConnectionReason
from stats_gateway.limits import Limits
from stats_gateway.wire.encoding import Encoding
from tests.support.ingest import listening, until
from tests.support.snapshots import hello, miner, miner_snapshot

HERE = "127.0.0.1"
TOO_MANY = {ConnectionReason.TOO_MANY_CONNECTIONS: 1}


async def test_connections_are_counted_while_they_are_open() -> None:
    async with listening() as ingest:
        async with ingest.peer(), ingest.peer():
            await until(lambda: ingest.counters.connections == 2)
        await until(lambda: ingest.counters.connections == 0)


async def test_a_second_hello_of_one_name_closes_the_first_connection() -> None:
    async with listening() as ingest, ingest.peer() as first:
        await first.ask(hello("a"))
        await first.send(miner_snapshot(miner(1)))
        await ingest.until_shown({"a": [1]})
        async with ingest.peer(Encoding.JSON_LINES) as second:
            assert "Welcome" in await second.ask(hello("a"))
            assert await first.end() == b""
            await second.send(miner_snapshot(miner(2)))
            await ingest.until_shown({"a": [2]})
            assert not ingest.counters.connections_refused, "nobody did anything wrong"


async def test_a_sender_without_hello_that_comes_back_is_never_shown_twice() -> None:
    async with listening() as ingest, ingest.peer() as half_open:
        views: list[dict[str, list[int]]] = []
        ingest.store.subscribe(lambda: views.append(ingest.shown()))
        await half_open.send(miner_snapshot(miner(1)))
        await ingest.until_shown({HERE: [1]})
        async with ingest.peer() as back:
            await back.send(miner_snapshot(miner(1), miner(2)))
            await ingest.until_shown({HERE: [1, 2]})
        assert views == [{HERE: [1]}, {HERE: [1, 2]}]


async def test_one_connection_too_many_closes_one_that_never_sent_anything_good() -> None:
    async with listening(Limits(max_connections=2)) as ingest:
        async with ingest.peer() as real, ingest.peer() as idle:
            await real.ask(hello("a"))
            await until(lambda: ingest.counters.connections == 2)
            async with ingest.peer() as newcomer:
                assert await idle.end() == b""
                assert "Welcome" in await newcomer.ask(hello("b"))
                await real.send(miner_snapshot(miner(1)))
                await ingest.until_shown({"a": [1]})
        assert ingest.counters.connections_refused == TOO_MANY


async def test_one_connection_too_many_is_turned_away_while_all_are_proven() -> None:
    async with listening(Limits(max_connections=1)) as ingest, ingest.peer() as real:
        await real.ask(hello("a"))
        async with ingest.peer() as newcomer:
            assert await newcomer.end() == b""
        assert ingest.counters.connections_refused == TOO_MANY
        await real.send(miner_snapshot(miner(1)))
        await ingest.until_shown({"a": [1]})


async def test_the_usual_limit_of_connections_holds() -> None:
    limit = 100
    async with listening(Limits(max_connections=limit)) as ingest, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(ingest.peer()) for _ in range(limit + 20)]
        await until(lambda: ingest.counters.connections_refused.total() == 20)
        assert ingest.counters.connections == limit
        for peer in peers[:20]:
            assert await peer.end() == b""
        assert "Welcome" in await peers[-1].ask(hello("a"))


async def test_a_peer_that_resets_its_connection_at_once_harms_nobody() -> None:
    async with listening() as ingest:
        for _ in range(20):
            with socket.create_connection((HERE, ingest.port)) as rude:
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with ingest.peer() as peer:
            assert "Welcome" in await peer.ask(hello("a"))
            await until(lambda: ingest.counters.connections == 1)


async def test_a_peer_that_goes_before_its_answer_harms_nobody() -> None:
    async with listening() as ingest:
        async with ingest.peer() as rude:
            await rude.send(hello("a", interval=-1.0), b"\x00" * 100_000)
        await until(lambda: ingest.counters.connections == 0)
        async with ingest.peer() as peer:
            assert "Welcome" in await peer.ask(hello("a"))


async def test_rows_vanish_without_anyone_asking() -> None:
    async with listening() as ingest, ingest.peer() as peer:
        await peer.ask(hello("a", interval=0.1))
        await peer.send(miner_snapshot(miner(1)))
        await ingest.until_shown({"a": [1]})
        await ingest.until_shown({})
        assert not ingest.store.view.sources["a"].up


async def test_closing_ends_every_connection() -> None:
    async with AsyncExitStack() as stack:
        async with listening() as ingest:
            peer = await stack.enter_async_context(ingest.peer())
            await peer.ask(hello("a"))
        assert await peer.end() == b""
        assert not [task for task in asyncio.all_tasks() if "GatewayServer" in repr(task)]
