import itertools
import logging
import os
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stats_gateway.sender.handle import StatsHandle
from stats_gateway.sender.session import Timeouts
from stats_gateway.sender.snapshots import MinerInfo, MinerSnapshot
from tests.security.certificates import Authority
from tests.stats_gateway.sender.plain_gateway import PlainGateway, eventually


def snapshot(timestamp: int, rows: int = 0) -> MinerSnapshot:
    row: MinerInfo = {
        "downstream_id": 0,
        "name": "n" * 100,
        "address": None,
        "hashrate": 1.0,
        "shares_submitted": 0,
        "shares_rejected": 0,
        "work": 0.0,
        "connected_at": 0,
        "last_share_at": None,
    }
    miners: list[MinerInfo] = [{**row, "downstream_id": number} for number in range(rows)]
    return {"miners": miners, "timestamp": timestamp}


def handle_to(
    gateway: PlainGateway,
    *,
    interval: float = 10.0,
    token: str | None = None,
    timeouts: Timeouts | None = None,
    tls: ssl.SSLContext | None = None,
) -> StatsHandle:
    return StatsHandle(
        gateway.address,
        source="translator-1",
        interval=interval,
        token=token,
        version="9.9",
        tls=tls,
        timeouts=timeouts,
        delays=lambda: itertools.repeat(0.005),
    )


def test_it_says_hello_first_and_sends_snapshots_after_the_welcome() -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen(), token="secret") as handle:
        handle.send(snapshot(1))
        with gateway.accept() as peer:
            assert peer.welcome() == {
                "source": "translator-1",
                "interval": 10.0,
                "token": "secret",
                "version": "9.9",
            }
            assert peer.read() == {"MinerSnapshot": {"miners": [], "timestamp": 1}}
            handle.send(snapshot(2))
            assert peer.read()["MinerSnapshot"]["timestamp"] == 2
            eventually(lambda: handle.statistics().sent == 2)
            statistics = handle.statistics()
    assert statistics.connected
    assert statistics.bytes_sent == 2 * len(
        b"\0\0\0\0\x81\xadMinerSnapshot\x82\xa6miners\x90\xa9timestamp\x01"
    )
    assert (statistics.failures, statistics.reconnects, statistics.replaced) == (0, 0, 0)


def test_while_the_gateway_is_absent_memory_stays_flat_and_the_newest_wins() -> None:
    with PlainGateway() as gateway, handle_to(gateway) as handle:
        eventually(lambda: handle.statistics().failures > 0)
        handle.send(snapshot(0, rows=100))
        tracemalloc.start()
        for timestamp in range(1, 1001):
            handle.send(snapshot(timestamp, rows=100))
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert grown < 200_000  # one snapshot of 100 rows has about 50,000 bytes
        assert handle.statistics().replaced == 1000
        assert not handle.statistics().connected
        gateway.listen()
        with gateway.accept() as peer:
            peer.welcome()
            assert peer.read()["MinerSnapshot"]["timestamp"] == 1000


def test_a_gateway_that_accepts_and_hangs_is_given_up_and_tried_again() -> None:
    with (
        PlainGateway() as gateway,
        handle_to(gateway.listen(), timeouts=Timeouts(welcome=0.5)) as handle,
    ):
        handle.send(snapshot(1))
        with gateway.accept() as silent:
            assert silent.is_closed()
            eventually(lambda: handle.statistics().failures == 1)
            assert "no answer to the Hello" in (handle.statistics().last_error or "")
        with gateway.accept() as peer:
            peer.welcome()
            assert peer.read()["MinerSnapshot"]["timestamp"] == 1


def test_a_refusal_is_logged_once_with_its_reason_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen(), token="secret") as handle:
        for _ in range(5):
            with gateway.accept() as peer:
                peer.read()
                peer.write({"Error": {"reason": "wrong\ntoken"}})
                assert peer.is_closed()
        eventually(lambda: handle.statistics().failures >= 5)
        assert handle.statistics().last_error == (
            "the gateway refused this sender: 'wrong\\ntoken'"
        )
        with gateway.accept():
            warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["wrong\\ntoken" in record.getMessage() for record in warnings] == [True]
    assert "secret" not in caplog.text


def test_reasons_that_differ_every_time_do_not_grow_memory() -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen()) as handle:
        for number in range(40):
            with gateway.accept() as peer:
                peer.read()
                peer.write({"Error": {"reason": f"{number}" + "x" * 60_000}})
                assert peer.is_closed()
        eventually(lambda: handle.statistics().failures >= 40)
        assert len(handle.statistics().last_error or "") == 300
        gateway.close()
        assert len(handle._logged) <= 32  # noqa: SLF001 - its bound is the rule


def test_after_a_reset_in_mid_frame_the_newest_snapshot_is_sent_again_in_full() -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen()) as handle:
        handle.send(snapshot(1, rows=50_000))
        with gateway.accept() as peer:
            peer.welcome()
            peer.read_exactly(10_000)
            peer.reset()
        with gateway.accept() as peer:
            peer.welcome()
            again = peer.read()["MinerSnapshot"]
            assert again == snapshot(1, rows=50_000)
            eventually(lambda: handle.statistics().sent == 1)
            assert handle.statistics().reconnects == 1
            assert handle.statistics().failures == 1


def test_a_gateway_that_restarts_gets_the_last_snapshot_without_waiting_for_the_next() -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen()) as handle:
        handle.send(snapshot(1))
        for _ in range(3):
            with gateway.accept() as peer:
                peer.welcome()
                assert peer.read()["MinerSnapshot"]["timestamp"] == 1
        eventually(lambda: handle.statistics().reconnects >= 2)


def test_connections_that_break_at_once_do_not_begin_the_backoff_anew() -> None:
    begun = itertools.count()

    def delays() -> Iterator[float]:
        next(begun)
        return itertools.repeat(0.005)

    with (
        PlainGateway() as gateway,
        StatsHandle(gateway.listen().address, source="a", delays=delays) as handle,
    ):
        for _ in range(4):
            with gateway.accept() as peer:
                peer.welcome()
        eventually(lambda: handle.statistics().reconnects >= 3)
        assert next(begun) == 1
        gateway.close()


def test_a_snapshot_older_than_three_intervals_is_not_shown_as_the_present() -> None:
    with PlainGateway() as gateway, handle_to(gateway, interval=0.1) as handle:
        handle.send(snapshot(1))
        sent_at = time.monotonic()
        eventually(lambda: time.monotonic() > sent_at + 0.35)
        gateway.listen()
        with gateway.accept() as peer:
            peer.welcome()
            eventually(lambda: handle.statistics().expired == 1)
            handle.send(snapshot(2))
            assert peer.read()["MinerSnapshot"]["timestamp"] == 2


def test_a_gateway_that_reads_slowly_gets_the_whole_snapshot() -> None:
    with (
        PlainGateway(receive_buffer=8192) as gateway,
        handle_to(gateway.listen()) as handle,
        gateway.accept() as peer,
    ):
        peer.welcome()
        handle.send(snapshot(1, rows=2000))
        assert peer.read()["MinerSnapshot"] == snapshot(1, rows=2000)


def test_a_gateway_that_stops_reading_holds_up_nobody_and_is_given_up() -> None:
    big = snapshot(1, rows=50_000)
    with (
        PlainGateway(receive_buffer=8192) as gateway,
        handle_to(gateway.listen(), timeouts=Timeouts(send=0.2)) as handle,
    ):
        with gateway.accept() as peer:
            peer.welcome()
            handle.send(big)
            peer.read_exactly(4)
            began = time.monotonic()
            for timestamp in range(2, 1002):
                handle.send(snapshot(timestamp))
            assert time.monotonic() - began < 30.0  # a send that blocked would take 0.2 s each
            eventually(lambda: handle.statistics().failures == 1)
        with gateway.accept() as peer:
            peer.welcome()
            assert peer.read()["MinerSnapshot"]["timestamp"] == 1001


def test_a_snapshot_that_cannot_be_encoded_costs_that_snapshot_only() -> None:
    with (
        PlainGateway() as gateway,
        handle_to(gateway.listen()) as handle,
        gateway.accept() as peer,
    ):
        peer.welcome()
        handle.send(snapshot(2**64))
        eventually(lambda: handle.statistics().failures == 1)
        handle.send(snapshot(1))
        assert peer.read()["MinerSnapshot"]["timestamp"] == 1
        assert "cannot encode" in (handle.statistics().last_error or "")


def test_a_peer_that_speaks_another_protocol_is_left() -> None:
    with PlainGateway() as gateway, handle_to(gateway.listen()) as handle:
        with gateway.accept() as peer:
            peer.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert peer.is_closed()
        eventually(lambda: "no stats gateway" in (handle.statistics().last_error or ""))
        gateway.close()


def test_a_host_that_is_no_host_is_a_failure_like_any_other() -> None:
    with StatsHandle(
        ("a" * 70 + ".invalid", 1), source="a", delays=lambda: itertools.repeat(0.005)
    ) as handle:
        eventually(lambda: handle.statistics().failures >= 2)


def test_close_lets_the_newest_snapshot_out_and_may_be_called_twice() -> None:
    with PlainGateway() as gateway:
        handle = handle_to(gateway.listen())
        with gateway.accept() as peer:
            peer.welcome()
            handle.send(snapshot(7))
            handle.close()
            handle.close()
            assert peer.read()["MinerSnapshot"]["timestamp"] == 7
            assert peer.is_closed()
            handle.send(snapshot(8))
    assert not handle.statistics().connected


def test_close_does_not_wait_for_a_gateway_that_stops_reading() -> None:
    with PlainGateway(receive_buffer=8192) as gateway:
        handle = handle_to(gateway.listen(), timeouts=Timeouts(send=60.0))
        with gateway.accept() as peer:
            peer.welcome()
            handle.send(snapshot(1, rows=50_000))
            peer.read_exactly(4)
            began = time.monotonic()
            handle.close(timeout=0.05)
            eventually(lambda: not handle.statistics().connected)
            assert time.monotonic() - began < 30.0


def test_it_works_in_a_process_with_more_than_1024_descriptors() -> None:
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with (
            PlainGateway() as gateway,
            handle_to(gateway.listen()) as handle,
            gateway.accept() as peer,
        ):
            peer.welcome()
            handle.send(snapshot(1))
            assert peer.read()["MinerSnapshot"]["timestamp"] == 1
    finally:
        for descriptor in many:
            os.close(descriptor)


@pytest.fixture
def server_tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """What a gateway at 127.0.0.1 shows, and the authority that has signed its certificate."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("gateway"))
    return context, authority.file


def test_it_speaks_tls_with_the_context_it_is_given(
    server_tls: tuple[ssl.SSLContext, Path],
) -> None:
    server, authority = server_tls
    client = ssl.create_default_context(cafile=str(authority))
    with PlainGateway() as gateway, handle_to(gateway.listen(), tls=client) as handle:
        handle.send(snapshot(1, rows=20_000))
        with gateway.accept(server) as peer:
            peer.welcome()
            assert peer.read()["MinerSnapshot"] == snapshot(1, rows=20_000)
            handle.send(snapshot(2))
            assert peer.read()["MinerSnapshot"]["timestamp"] == 2
        with gateway.accept(server) as peer:
            peer.welcome()
            assert peer.read()["MinerSnapshot"]["timestamp"] == 2


def test_a_certificate_that_is_not_trusted_is_a_failure(
    server_tls: tuple[ssl.SSLContext, Path],
) -> None:
    server, _ = server_tls
    client = ssl.create_default_context()
    with PlainGateway() as gateway, handle_to(gateway.listen(), tls=client) as handle:
        with pytest.raises(ssl.SSLError):
            gateway.accept(server)
        eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in (handle.statistics().last_error or ""))
