"""TLS and mutual TLS of the listener for senders."""

import shutil
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.security.certificates import Authority
from tests.security.peers import connected, hello, refused, wait_refused
from tests.support.until import until

pytestmark = pytest.mark.slow

HANDSHAKE_SECONDS = 3.0


class Site:
    """A service that wants certificates, and those who issue them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "stranger")
        self.certificate, self.key = self.authority.issue("service")
        self.good = self.authority.client(self.authority.issue("translator"))
        self.service = Service(
            "proxy",
            f"--ingest.tls-cert-file={self.certificate}",
            f"--ingest.tls-key-file={self.key}",
            f"--ingest.tls-client-ca-file={self.authority.file}",
            f"--limits.handshake-seconds={HANDSHAKE_SECONDS}",
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("tls"))
    with made.service:
        yield made


@pytest.fixture
def healthy(site: Site) -> Iterator[Site]:
    """A good sender is connected all the while, and must still be shown at the end."""
    with connected(site.service.ingest, site.good) as sender:
        assert "Welcome" in sender.ask(hello("good"))
        sender.say(miner_snapshot(miners("a", "b")))
        site.service.scrape_until(lambda scrape: scrape.names("good") == ["a", "b"])
        yield site
        assert site.service.scrape().names("good") == ["a", "b"]


def assert_refused(site: Site, client: ssl.SSLContext) -> None:
    """The client gets nowhere, and is counted."""
    before = refused(site.service, "tls_handshake")
    try:
        with connected(site.service.ingest, client) as sender:
            assert sender.ask(hello("bad")) == {}
    except (ssl.SSLError, ConnectionError):
        pass  # refused before the client was done, as TLS 1.2 does
    wait_refused(site.service, "tls_handshake", before + 1)
    assert "bad" not in site.service.scrape().sources()


@pytest.mark.parametrize("name", ["san", "cn"])
def test_a_certificate_may_be_bound_to_the_sources_that_it_names(site: Site, name: str) -> None:
    issued = site.authority.issue("farm-cn", dns="farm-san")
    service = Service(
        "proxy",
        f"--ingest.tls-cert-file={site.certificate}",
        f"--ingest.tls-key-file={site.key}",
        f"--ingest.tls-client-ca-file={site.authority.file}",
        f"--ingest.tls-client-source={name}",
    )
    with service:
        for source, answer in ((f"farm-{name}", "Welcome"), ("farm-other", "Error")):
            with connected(service.ingest, site.authority.client(issued)) as sender:
                assert answer in sender.ask(hello(source))
        wait_refused(service, "wrong_certificate", 1)
        with connected(service.ingest, site.authority.client(issued)) as sender:
            sender.say(miner_snapshot(miners("a")))
            wait_refused(service, "bad_token", 1)


def test_a_sender_without_a_certificate_is_refused(healthy: Site) -> None:
    assert_refused(healthy, healthy.authority.client())


def test_a_certificate_of_another_authority_is_refused(healthy: Site) -> None:
    client = healthy.authority.client(healthy.stranger.issue("impostor"))
    assert_refused(healthy, client)


def test_an_expired_certificate_is_refused(healthy: Site) -> None:
    client = healthy.authority.client(healthy.authority.issue("expired", days=-0.5))
    assert_refused(healthy, client)


def test_a_sender_without_tls_is_refused(healthy: Site) -> None:
    before = refused(healthy.service, "tls_handshake")
    with connected(healthy.service.ingest) as sender:
        assert sender.ask(hello("plain")) == {}
    wait_refused(healthy.service, "tls_handshake", before + 1)


def test_a_sender_does_not_talk_to_a_service_of_another_authority(healthy: Site) -> None:
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        connected(healthy.service.ingest, healthy.stranger.client()),
    ):
        pass


def test_tls_before_1_2_is_refused(healthy: Site) -> None:
    client = healthy.authority.client()
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.options &= ~(ssl.OP_NO_TLSv1_1 | ssl.OP_NO_TLSv1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that TLS 1.1 is old is the point
        client.minimum_version = ssl.TLSVersion.TLSv1_1
        client.maximum_version = ssl.TLSVersion.TLSv1_1
    assert_refused(healthy, client)


def test_a_stalled_handshake_ends_in_time_and_keeps_nobody_out(healthy: Site) -> None:
    before = refused(healthy.service, "tls_handshake")
    stalled = [socket.create_connection((LOOPBACK, healthy.service.ingest)) for _ in range(20)]
    began = time.monotonic()
    with connected(healthy.service.ingest, healthy.good) as sender:
        assert "Welcome" in sender.ask(hello("meanwhile"))
    assert time.monotonic() - began < HANDSHAKE_SECONDS
    wait_refused(healthy.service, "tls_handshake", before + len(stalled))
    for one in stalled:
        one.close()


def test_a_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not(
    healthy: Site,
) -> None:
    healthy.certificate.write_text("this is no certificate")
    healthy.service.wait_for_line("TLS of senders.*stays in force")
    with connected(healthy.service.ingest, healthy.good) as sender:
        assert "Welcome" in sender.ask(hello("still"))
        assert isinstance(sender.socket, ssl.SSLSocket)
        old = sender.socket.getpeercert(binary_form=True)
    certificate, key = healthy.authority.issue("renewed")
    shutil.copy(certificate, healthy.certificate)
    shutil.copy(key, healthy.key)

    def shown() -> bytes | None:
        with connected(healthy.service.ingest, healthy.good) as sender:
            assert isinstance(sender.socket, ssl.SSLSocket)
            return sender.socket.getpeercert(binary_form=True)

    until(lambda: shown() != old, what="the new certificate")
