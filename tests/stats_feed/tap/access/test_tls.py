"""TLS on either side, and passed through."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stats_feed.polling import WrongSourceError
from stats_feed.tap.access.tls import Certificate, upstream_context
from stats_feed.tap.books.counts import Refusal, UpstreamFailure
from stats_feed.tap.reader.facts import Direction, Unreadable
from tests.security.certificates import Authority
from tests.stats_feed.tap.reader.dialogues import answer, ask
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, Peer, Pool, RunningTap

MIB = 1 << 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("tap")


@pytest.fixture(scope="module")
def flags(files: tuple[Path, Path]) -> tuple[str, ...]:
    certificate, key = files
    listen = "--listen=tls://127.0.0.1:0"
    return (listen, f"--tls-certificate={certificate}", f"--tls-key={key}")


@pytest.fixture(params=EACH_LOOP)
def tapped(
    request: pytest.FixtureRequest, flags: tuple[str, ...]
) -> Iterator[tuple[RunningTap, Pool]]:
    loop = LOOPS[request.param]
    with Pool() as pool, RunningTap("--upstream", pool.name, *flags, loop=loop) as tap:
        yield tap, pool


def encrypted(peer: Peer, authority: Authority) -> Peer:
    return Peer(authority.client().wrap_socket(peer.socket, server_hostname="localhost"))


def served(pool: Pool, files: tuple[Path, Path]) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return Peer(context.wrap_socket(pool.accept().socket, server_side=True))


def test_miners_may_use_tls_and_the_pool_need_not(
    tapped: tuple[RunningTap, Pool], authority: Authority
) -> None:
    tap, pool = tapped
    asked = ask("mining.authorize", "farm.w1", "x")[1]
    with encrypted(tap.connect(), authority) as miner, pool.accept() as upstream:
        miner.send(asked)
        assert upstream.read(len(asked)) == asked
        upstream.send(answer(1, True)[1])
        assert miner.read(len(answer(1, True)[1])) == answer(1, True)[1]
        tap.wait_until(lambda tap: [row["name"] for row in tap.snapshot()["miners"]] == ["farm.w1"])
        data = os.urandom(8 * MIB)
        sender = threading.Thread(target=miner.send, args=(data,))
        sender.start()
        assert upstream.read(len(data)) == data
        sender.join()
        sender = threading.Thread(target=upstream.send, args=(data,))
        sender.start()
        assert miner.read(len(data)) == data
        sender.join()
        upstream.end()
        assert miner.is_closed()


def test_a_miner_that_does_not_speak_tls_is_refused(tapped: tuple[RunningTap, Pool]) -> None:
    tap, _ = tapped
    with tap.connect() as miner:
        miner.send(ask("mining.subscribe")[1])
        tap.wait_until(lambda tap: tap.counts.refused[Refusal.TLS_HANDSHAKE] == 1)
    tap.wait_until(lambda tap: tap.counts.connections == 0)


@pytest.mark.parametrize("loop", EACH_LOOP)
def test_upstreams_are_verified(
    loop: str, authority: Authority, files: tuple[Path, Path], tmp_path: Path
) -> None:
    for trusted, is_reached in ((authority, True), (Authority(tmp_path, "stranger"), False)):
        with Pool() as pool:
            flag = f"--upstream=tls://localhost:{pool.address[1]}"
            ca = f"--upstream-ca={trusted.file}"
            with RunningTap(flag, ca, loop=LOOPS[loop]) as tap, tap.connect() as miner:
                miner.send(b"{}\n")
                if is_reached:
                    with served(pool, files) as upstream:
                        assert upstream.read(3) == b"{}\n"
                    continue
                with pytest.raises(OSError, match=r"(?i)ssl|alert|reset"):
                    served(pool, files)
                assert miner.is_closed()
                (failure,) = tap.counts.upstream_failures
                assert failure[1] is UpstreamFailure.TLS


def test_tls_that_is_not_for_the_tap_passes_through_unread(
    authority: Authority, files: tuple[Path, Path]
) -> None:
    with Pool() as pool, RunningTap("--upstream", pool.name) as tap:
        wrapped: list[Peer] = []
        client = threading.Thread(
            target=lambda: wrapped.append(encrypted(tap.connect(), authority))
        )
        client.start()
        with served(pool, files) as upstream:
            client.join()
            with wrapped[0] as miner:
                miner.send(ask("mining.subscribe")[1])
                assert upstream.read(5) == ask("mining.subscribe")[1][:5]
        expected = {(way, Unreadable.BINARY): 1 for way in Direction}
        tap.wait_until(
            lambda tap: (
                {key: times for key, times in tap.counts.unread.items() if times} == expected
            )
        )


def test_a_renewed_certificate_is_used_for_the_next_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("tap")
    certificate = Certificate(*files)
    first = certificate.context()
    assert certificate.context() is first
    files[0].write_text("no certificate")
    assert certificate.context() is first
    assert authority.issue("tap") == files
    assert certificate.context() is not first


def test_files_that_are_wrong_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(WrongSourceError, match=r"missing\.pem"):
        Certificate(tmp_path / "missing.pem", tmp_path / "missing.key")
    with pytest.raises(WrongSourceError, match=r"empty\.pem"):
        upstream_context(tmp_path / "empty.pem")


def test_a_peer_that_is_slow_with_its_handshake_holds_no_other_one(
    tapped: tuple[RunningTap, Pool], authority: Authority
) -> None:
    tap, pool = tapped
    with (
        socket.create_connection(tap.addresses[0]),
        encrypted(tap.connect(), authority) as miner,
        pool.accept() as upstream,
    ):
        miner.send(b"a")
        assert upstream.read(1) == b"a"
