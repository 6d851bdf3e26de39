"""Back-pressure, upstreams, patience and draining, over real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from stats_feed.tap.books.counts import Ending, Refusal, UpstreamFailure
from stats_feed.tap.passing import link, upstreams
from stats_feed.tap.passing.service import Patience
from tests.stats_feed.tap.reader.dialogues import answer, ask, line, submit
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, LoopFactory, Peer, Pool, RunningTap
from tests.support.ports import free_ports
from tests.support.until import until

MIB = 1 << 20


@pytest.fixture(params=EACH_LOOP)
def loop(request: pytest.FixtureRequest) -> LoopFactory:
    return LOOPS[request.param]


def flood(peer: Peer, most: int) -> int:
    """Write until nothing more is taken for a while, or `most` bytes."""
    peer.socket.settimeout(1.0)
    written = 0
    try:
        while written < most:
            written += peer.socket.send(b"x" * 65_536)
    except (TimeoutError, ConnectionError):
        pass
    return written


@pytest.mark.parametrize("is_miner", [True, False])
def test_a_side_that_reads_nothing_stops_the_other_one_and_nobody_else(
    is_miner: bool, loop: LoopFactory
) -> None:
    patience = Patience(stuck=3600.0)
    with (
        Pool(receive_buffer=65_536) as pool,
        RunningTap("--upstream", pool.name, loop=loop, patience=patience) as tap,
        tap.connect(receive_buffer=65_536) as miner,
        pool.accept() as upstream,
    ):
        writer, reader = (upstream, miner) if is_miner else (miner, upstream)
        written = flood(writer, 64 * MIB)
        assert written < 64 * MIB
        assert 0 < tap.counts.held_bytes < MIB
        with tap.connect() as other, pool.accept() as others:
            other.send(b"share\n")
            assert others.read(6) == b"share\n"
        assert reader.read(written) == b"x" * written
        tap.wait_until(lambda tap: tap.counts.held_bytes == 0)
        writer.socket.settimeout(30)
        writer.send(b"more")
        assert reader.read(4) == b"more"


def test_what_is_never_taken_ends_the_connection(loop: LoopFactory) -> None:
    patience = Patience(stuck=0.5)
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, loop=loop, patience=patience) as tap,
        tap.connect(receive_buffer=65_536),
        pool.accept() as upstream,
    ):
        with pytest.raises(ConnectionError):
            upstream.send(b"x" * (256 * MIB))
        tap.wait_until(lambda tap: tap.counts.ended[Ending.NOT_TAKEN] == 1)
        tap.wait_until(lambda tap: tap.counts.held_bytes == tap.counts.connections == 0)


def test_silent_connections_are_closed_and_counted(loop: LoopFactory) -> None:
    patience = Patience(silent=0.6, first_bytes=0.3)
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, loop=loop, patience=patience) as tap,
        tap.connect() as mute,
        tap.connect() as miner,
    ):
        miner.send(b"{}\n")
        assert mute.is_closed()
        assert miner.is_closed()
        assert tap.counts.ended[Ending.NEVER_SPOKE] == 1
        assert tap.counts.ended[Ending.SILENT] == 1


def test_an_upstream_that_cannot_be_reached_closes_the_miner_at_once(loop: LoopFactory) -> None:
    (port,) = free_ports(1)
    name = f"127.0.0.1:{port}"
    with RunningTap("--upstream", name, loop=loop) as tap:
        for _ in range(3):
            with tap.connect() as miner:
                assert miner.is_closed()
        assert tap.counts.upstream_failures == {(name, UpstreamFailure.REFUSED): 3}
        assert tap.counts.refused[Refusal.NO_UPSTREAM] == 3
        tap.wait_until(lambda tap: tap.counts.connections == 0)
        assert tap.snapshot()["upstream"] == {"address": name, "connected": False}


def test_new_connections_go_to_the_first_upstream_that_can_be_reached(loop: LoopFactory) -> None:
    (port,) = free_ports(1)
    with (
        Pool() as second,
        RunningTap(f"--upstream=127.0.0.1:{port}", "--upstream", second.name, loop=loop) as tap,
        tap.connect(),
        second.accept(),
    ):
        reached = {"address": second.name, "connected": True}
        tap.wait_until(lambda tap: tap.snapshot().get("upstream") == reached)
        with socket.create_server(("127.0.0.1", port)) as first:
            first.settimeout(0.2)

            def reaches_first() -> bool:
                # Until its time has come again, it comes last.
                with tap.connect():
                    try:
                        first.accept()[0].close()
                    except TimeoutError:
                        return False
                    return True

            until(reaches_first)
            tap.wait_until(lambda tap: tap.snapshot()["upstream"]["address"] == f"127.0.0.1:{port}")


def test_an_unknown_name_is_counted_as_such(loop: LoopFactory) -> None:
    with RunningTap("--upstream=no-such-host.invalid:3333", loop=loop) as tap:
        with tap.connect() as miner:
            assert miner.is_closed()
        assert list(tap.counts.upstream_failures) == [
            ("no-such-host.invalid:3333", UpstreamFailure.NAME)
        ]


@contextmanager
def unanswering() -> Iterator[str]:
    """An upstream that answers no attempt to connect: its backlog is full."""
    with socket.socket() as full, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):
            second.setblocking(False)
            second.connect_ex(address)
            yield f"127.0.0.1:{address[1]}"


def test_a_miner_that_leaves_before_its_pool_is_there_leaves_nothing(
    loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstreams, "CONNECT_SECONDS", 1.0)
    with unanswering() as name, RunningTap("--upstream", name, loop=loop) as tap:
        miner = tap.connect()
        miner.send(b"early\n")
        tap.wait_until(lambda tap: tap.counts.held_bytes == 6)
        miner.reset()
        tap.wait_until(lambda tap: tap.counts.connections == tap.counts.held_bytes == 0)


def test_an_upstream_that_never_answers_is_given_up_and_others_do_not_wait_for_it(
    loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstreams, "CONNECT_SECONDS", 1.0)
    with (
        unanswering() as name,
        Pool() as pool,
        RunningTap("--upstream", name, "--upstream", pool.name, loop=loop) as tap,
        tap.connect() as first,
    ):
        first.send(b"early\n")
        with pool.accept() as upstream, tap.connect() as second, pool.accept() as others:
            assert upstream.read(6) == b"early\n"
            second.send(b"share\n")
            assert others.read(6) == b"share\n"
        assert tap.counts.upstream_failures == {(name, UpstreamFailure.TIMEOUT): 1}


@pytest.mark.parametrize("is_early", [True, False])
def test_what_all_sides_together_have_not_taken_is_bounded(
    is_early: bool, loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_HELD_BYTES", MIB // 4)
    with (
        unanswering() as name,
        Pool() as pool,
        RunningTap("--upstream", name if is_early else pool.name, loop=loop) as tap,
        ExitStack() as stack,
    ):
        while not tap.counts.ended[Ending.TOO_MUCH_HELD]:
            miner = stack.enter_context(tap.connect(receive_buffer=65_536))
            writer = miner if is_early else stack.enter_context(pool.accept())
            flood(writer, 64 * MIB)
        assert tap.counts.held_bytes <= MIB // 4


def test_a_worker_is_a_row_while_it_is_connected(loop: LoopFactory) -> None:
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, loop=loop) as tap,
        tap.connect() as miner,
        pool.accept() as upstream,
    ):
        miner.send(ask("mining.subscribe", "bitaxe", id_=1)[1])
        miner.send(ask("mining.authorize", "farm.w1", "x", id_=2)[1] + submit(3)[1])
        upstream.read(10)
        upstream.send(answer(2, True)[1] + line(id=3, result=True, error=None))
        tap.wait_until(lambda tap: tap.snapshot()["totals"]["shares_submitted"] == 1)
        (row,) = tap.snapshot()["miners"]
        assert (row["name"], row["agent"], row["work"]) == ("farm.w1", "bitaxe", 1.0)
        assert row["address"] == "{}:{}".format(*miner.socket.getsockname())
        miner.reset()
        tap.wait_until(lambda tap: tap.snapshot()["miners"] == [])
        assert tap.snapshot()["totals"]["shares_submitted"] == 1
        assert tap.counts.added.sum > 0


def test_draining_takes_in_nobody_and_lets_miners_go_on_until_they_leave(
    loop: LoopFactory,
) -> None:
    with Pool() as pool, RunningTap("--upstream", pool.name, "--drain=3600", loop=loop) as tap:
        with tap.connect() as miner, pool.accept() as upstream:
            tap.stop()

            def is_refused() -> bool:
                try:
                    tap.connect().reset()
                except ConnectionRefusedError:
                    return True
                except ConnectionResetError:  # taken in by the kernel just before the end
                    return False
                return False

            until(is_refused)
            miner.send(b"share\n")
            assert upstream.read(6) == b"share\n"
        tap.join()


def test_the_end_closes_all_connections_and_loses_no_byte_that_was_read(
    loop: LoopFactory,
) -> None:
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, loop=loop) as tap,
        tap.connect() as miner,
        pool.accept() as upstream,
    ):
        miner.send(submit(1)[1])
        upstream.read(1)
        upstream.send(answer(1, True)[1])
        assert miner.read(len(answer(1, True)[1])) == answer(1, True)[1]
        tap.stop()
        tap.join()
        assert upstream.read_to_end() == submit(1)[1][1:]
        assert miner.is_closed()
        totals = tap.snapshot()["totals"]
        assert (totals["shares_submitted"], tap.snapshot()["miners"]) == (1, [])


def test_new_connections_are_taken_in_again_when_descriptors_are_free_again() -> None:
    import resource  # noqa: PLC0415 - this test alone changes the bounds of its process

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[socket.socket] = []
    with Pool() as pool, RunningTap("--upstream", pool.name) as tap:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (120, hard))
            peer = socket.socket()
            try:
                while True:
                    held.append(socket.socket())
            except OSError:
                pass
            peer.connect(tap.addresses[0])
            time.sleep(0.05)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in held:
                one.close()
        with Peer(peer) as miner, pool.accept() as upstream:
            miner.send(b"a")
            assert upstream.read(1) == b"a"
