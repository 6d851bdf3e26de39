"""When the machine runs out of something."""

import asyncio
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from stats_gateway.errors import ConnectionReason
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.server.connection import Shared
from stats_gateway.server.server import GatewayServer
from stats_gateway.store.peer import Peer
from stats_gateway.store.store import Store
from stats_gateway.wire.services import Service as ServiceKind
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service, client
from tests.security.peers import connected, hello
from tests.support.snapshots import frame
from tests.support.snapshots import miner as row
from tests.support.snapshots import miner_snapshot as snapshot
from tests.support.until import until

pytestmark = pytest.mark.slow


def test_without_files_for_more_connections_it_serves_those_it_has_and_recovers() -> None:
    with Service("proxy") as service, ExitStack() as stack:
        good = stack.enter_context(connected(service.ingest))
        good.ask(hello("good"))
        scraper = stack.enter_context(client(service.web))
        scraper.scrape()
        allowed = service.open_files() + 10
        _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (allowed, hard))
        with ExitStack() as crowd:
            for _ in range(30):
                crowd.enter_context(connected(service.ingest))
            service.wait_for_line("cannot accept a connection: .*Too many open files")
            good.say(miner_snapshot(miners("a")))
            until(lambda: scraper.scrape().names() == ["a"])
        with connected(service.ingest) as later:
            assert "Welcome" in later.ask(hello("later"))
        assert sum("cannot accept" in line for line in service.lines) == 1


class Starved(Store):
    """Has no memory for peers of one address."""

    address = "127.0.0.9"

    def connect(self, peer: Peer) -> None:
        """Fail as an allocation does."""
        if peer.address == self.address:
            raise MemoryError
        super().connect(peer)


async def test_a_peer_for_which_there_is_no_memory_is_closed_and_the_others_go_on() -> None:
    store = Starved(ServiceKind.PROXY, Limits())
    changed = asyncio.Event()
    store.subscribe(changed.set)
    with ThreadPoolExecutor(1) as worker:
        intake = Intake(store, Limits())
        async with GatewayServer(Shared(intake=intake, worker=worker)) as server:
            listener = socket.create_server((LOOPBACK, 0))
            port = listener.getsockname()[1]
            await server.start(listener)
            reader, writer = await asyncio.open_connection(
                LOOPBACK, port, local_addr=(Starved.address, 0)
            )
            assert await reader.read() == b""
            writer.close()
            _, good = await asyncio.open_connection(LOOPBACK, port)
            good.write(frame(snapshot(row(1))))
            async with asyncio.timeout(30):
                await changed.wait()
            assert store.view.sources
            good.close()
    assert intake.counters.connections_refused == {ConnectionReason.OUT_OF_RESOURCES: 1}
