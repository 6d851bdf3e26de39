"""Stopping: cleanly on either signal, whoever is connected; and not starting at all."""

import signal
import socket

import pytest

from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.rows import connection_snapshot, miner_snapshot
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Kind, Service, client
from tests.e2e.harness.wire import connected, frame, line

pytestmark = pytest.mark.slow

STOPPED_SECONDS = 15.0
"""About 2 s are enough for a quiet machine; Docker waits for 10."""

SNAPSHOTS = {"proxy": miner_snapshot([]), "pool": connection_snapshot([])}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["proxy", "pool"])
def test_a_signal_closes_both_listeners_and_every_connection_and_exits_with_0(
    kind: Kind, number: signal.Signals
) -> None:
    with Service(kind) as service, client(service.web) as scraper:
        with connected(service.ingest, frame) as said, connected(service.ingest, line) as mute:
            said.hello("translator")
            said.say(SNAPSHOTS[kind])
            mute.peer.sendall(b'{"half a line')
            service.scrape_until(Scrape.sources)
            scraper.scrape()
            assert service.stop(number, STOPPED_SECONDS) == 0
            said.wait_for_end()
            mute.wait_for_end()
        for port in (service.ingest, service.web):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((LOOPBACK, port), timeout=1)
        assert not service.errors()


@pytest.mark.parametrize("flag", ["ingest", "web"])
@pytest.mark.parametrize("kind", ["proxy", "pool"])
def test_a_port_in_use_ends_it_with_1_and_one_line_that_names_the_flag(
    kind: Kind, flag: str
) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        addresses = {"ingest": f"{LOOPBACK}:0", "web": f"{LOOPBACK}:0", flag: address}
        flags = [f"--{name}.listen-address={value}" for name, value in addresses.items()]
        with Program(f"exporters.{kind}", *flags) as service:
            assert service.wait() == 1
            (complaint,) = service.lines
            assert address in complaint
            assert f"--{flag}.listen-address" in complaint
