"""When the tap has no file for one more connection."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stats_feed.tap.programs import connect, running
from tests.stats_feed.tap.taps import Peer, Pool
from tests.support.until import until

SHARE, YES = b"share\n", b"yes\n"


def exchange(miner: Peer, upstream: Peer) -> None:
    assert upstream.read(len(SHARE)) == SHARE
    upstream.send(YES)
    assert miner.read(len(YES)) == YES


def its_end(pool: Pool) -> Peer:
    """The pool's end of the first connection whose miner has written something and is there."""
    while True:
        upstream = pool.accept()
        if upstream.socket.recv(1, socket.MSG_PEEK):
            return upstream
        upstream.socket.close()


def test_miners_take_no_file_that_gateways_and_scrapes_need() -> None:
    with (
        Pool() as pool,
        running("--upstream", pool.name, "--to=127.0.0.1:1", files=84) as tap,
        ExitStack() as stack,
    ):
        assert "84 open files: it lets in 10 miners at most" in tap.log
        peers = [stack.enter_context(connect(tap.miners)) for _ in range(30)]
        until(lambda: tap.metrics()["stats_feed_tap_connections tap"] == 10)
        refused = "stats_feed_tap_connections_refused_total tap too_many_connections"
        until(lambda: tap.metrics()[refused] == 20)
        assert all(peer.is_closed() for peer in peers[10:])


@pytest.mark.slow
def test_without_files_those_that_are_there_go_on_and_others_come_in_later() -> None:
    with (
        Pool() as pool,
        running("--upstream", pool.name, "--to=127.0.0.1:1") as tap,
        ExitStack() as stack,
    ):
        miner = stack.enter_context(connect(tap.miners))
        upstream = stack.enter_context(pool.accept())
        pid = tap.process.pid
        allowed = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 10
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (allowed, hard))
        with ExitStack() as crowd:
            for _ in range(30):
                crowd.enter_context(connect(tap.miners))
            until(lambda: "cannot accept connections for now" in tap.log)
            for _ in range(3):
                miner.send(SHARE)
                exchange(miner, upstream)
        later = stack.enter_context(connect(tap.miners))
        later.send(SHARE)
        exchange(later, stack.enter_context(its_end(pool)))
        assert tap.metrics()["stats_feed_tap_connections tap"] == 2
