"""Everything at once, beside one good source whose rows are in every scrape all the while."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch
from tests.security.peers import MESSAGES_REFUSED, connected, hello, keeps_sending
from tests.support.until import until

pytestmark = pytest.mark.slow

MALFORMED = 10_000
HALF_OPEN = 1_500
HALF_BYTES = 20_000
REFUSALS_IN_ROW = 16
NAMES = sorted(f"rig-{number}" for number in range(100))
FILES = 4096
GROWTH_BYTES = 150 << 20
"""1,024 peers with 20 KB each, their buffers, and what the allocator keeps."""

GARBAGE = (
    b"",
    b"\xc1",
    b"\x81\xacQuoteCreated\x80",
    b"\x92\x01",
    b"\x81\xadMinerSnapshot\x82\xa6miners\xdd\xff\xff\xff\xff\xa9timestamp\x01",
    b"\x91" * 3000,
    b"\xff" * 500,
    bytes(range(256)),
)


@contextmanager
def many_files() -> Iterator[None]:
    """Allows this process one file for each peer. Raises ValueError where the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def rows_are_there(scrape: Scrape) -> None:
    assert scrape.names() == NAMES


def send_garbage(service: Service) -> None:
    frames = [len(payload).to_bytes(4, "big") + payload for payload in GARBAGE]
    for start in range(0, MALFORMED, REFUSALS_IN_ROW):
        with connected(service.ingest) as peer:
            several = (frames[number % len(frames)] for number in range(start, start + 16))
            peer.socket.sendall(b"".join(several))
            peer.wait_for_end()


def storm() -> None:
    """Garbage and half-open peers, and all that must hold meanwhile and after it."""
    with Service("proxy") as service, ExitStack() as stack:
        good = stack.enter_context(connected(service.ingest))
        assert "Welcome" in good.ask(hello("good"))
        good.say(miner_snapshot(miners(*NAMES)))
        service.scrape_until(lambda scrape: scrape.names() == NAMES)
        before = service.resident_bytes()
        with (
            keeps_sending(good, partial(miner_snapshot, miners(*NAMES))),
            Watch(service, rows_are_there) as watch,
        ):
            half = (60 << 20).to_bytes(4, "big") + bytes(HALF_BYTES)
            for _ in range(HALF_OPEN):
                peer = stack.enter_context(connected(service.ingest))
                peer.socket.sendall(half)
            send_garbage(service)
            assert service.resident_bytes() - before < GROWTH_BYTES
            watch.pass_by()
        assert watch.scrapes > 10
        scrape = service.scrape()
        refused = scrape.values(MESSAGES_REFUSED, "reason")
        assert sum(refused.values()) == MALFORMED
        closed = scrape.values("stats_gateway_connections_refused_total", "reason")
        assert closed["too_many_refusals"] == MALFORMED / REFUSALS_IN_ROW
        # Each of those needed a place too, and took it from one that was only half open.
        assert closed["too_many_connections"] >= HALF_OPEN - 1024
        assert len(service.lines) < 50
        assert not service.errors()
        stack.close()
        until(lambda: service.scrape().value("stats_gateway_connections") == 0)


def test_malformed_messages_and_half_open_peers_cost_a_good_source_nothing() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"needs {FILES} open files: run 'sudo prlimit --pid $$ --nofile={FILES}'")
    with many_files():
        storm()
