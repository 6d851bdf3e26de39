"""Who may ask over HTTP: basic authentication and TLS, and that neither can be worn down."""

import base64
import http.client
import math
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import bcrypt
import pytest

from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.service import Answer
from tests.security.certificates import Authority
from tests.support.until import until

pytestmark = pytest.mark.slow

HANDSHAKE_SECONDS = 3.0

COST = 10
"""What people use; a check takes some 50 ms."""

FEWEST_TRIES, MOST_TRIES = 8, 80
"""How often a login is timed: the fastest counts."""

PASSWORD = "right-horse"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
USERS = f"basic_auth_users:\n  prometheus: {HASH}\n"


def authorization(user: str, password: str) -> dict[str, str]:
    """The header that says so."""
    token = base64.b64encode(f"{user}:{password}".encode(errors="surrogateescape")).decode()
    return {"Authorization": f"Basic {token}"}


RIGHT = authorization("prometheus", PASSWORD)


class Locked(Program):
    """A service behind a web configuration."""

    def __init__(self, folder: Path, text: str, *options: str) -> None:
        self.file = folder / "web.yml"
        self.file.write_text(text)
        super().__init__(
            "exporters.proxy",
            f"--ingest.listen-address={LOOPBACK}:0",
            f"--web.listen-address={LOOPBACK}:0",
            f"--web.config.file={self.file}",
            *options,
        )
        self.web = int(self.wait_for_line(r"listening for HTTP on https?://\S+?:(\d+)")[1])

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        address: str = LOOPBACK,
    ) -> Answer:
        """Ask for `path` over a connection of its own. Raises OSError."""
        source = (address, 0)
        connection = (
            http.client.HTTPConnection(LOOPBACK, self.web, timeout=30, source_address=source)
            if tls is None
            else http.client.HTTPSConnection(
                "localhost", self.web, timeout=30, context=tls, source_address=source
            )
        )
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with Locked(tmp_path_factory.mktemp("locked"), USERS) as service:
        yield service


def test_only_the_right_password_of_a_known_user_opens(locked: Locked) -> None:
    table: list[tuple[Mapping[str, str], int]] = [
        (RIGHT, 200),
        ({"Authorization": RIGHT["Authorization"].replace("Basic", "bAsIc")}, 200),
        ({}, 401),
        (authorization("prometheus", "wrong"), 401),
        (authorization("prometheus", ""), 401),
        (authorization("prometheus", PASSWORD + "\0"), 401),
        (authorization("prometheus", PASSWORD * 40), 401),
        (authorization("prometheus", HASH), 401),
        (authorization("Prometheus", PASSWORD), 401),
        (authorization("", ""), 401),
        (authorization("prometheus", "\udcff"), 401),
        (authorization("prometheus" + HASH, PASSWORD), 401),
        ({"Authorization": "Basic"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Basic cHJvbWV0aGV1cw=="}, 401),
        ({"Authorization": f"Bearer {PASSWORD}"}, 401),
    ]
    for headers, status in table:
        answer = locked.get("/metrics", headers)
        assert answer.status == status, headers
        assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("path", ["/", "/metrics", "/health", "/api/miners", "/api/stats", "/no"])
def test_every_path_is_behind_the_password(locked: Locked, path: str) -> None:
    assert locked.get(path).status == 401


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_probes_need_none(locked: Locked, path: str) -> None:
    assert locked.get(path).status == 200


@pytest.mark.parametrize(
    "path", ["/-/healthy/", "//-/healthy", "/-/../metrics", "/-/healthy/../../metrics"]
)
def test_no_other_spelling_of_those_leads_further(locked: Locked, path: str) -> None:
    assert locked.get(path).status == 401


def test_an_unknown_user_costs_as_much_time_as_a_known_one(locked: Locked) -> None:
    def seconds(user: str, number: int) -> float:
        began = time.perf_counter()
        assert locked.get("/metrics", authorization(user, f"wrong-{number}")).status == 401
        return time.perf_counter() - began

    known = unknown = ratio = math.inf
    for number in range(MOST_TRIES):  # the machine may be busy with something else for a while
        known = min(known, seconds("prometheus", number))
        unknown = min(unknown, seconds("nobody", number))
        ratio = unknown / known
        if number >= FEWEST_TRIES and 0.5 < ratio < 2:
            break
    assert 0.5 < ratio < 2


def test_a_password_that_is_right_for_nobody_is_not_remembered_for_anybody(
    locked: Locked,
) -> None:
    for user in ("nobody", "prometheus\0", "prometheus:right-horse"):
        for _ in range(2):
            assert locked.get("/metrics", authorization(user, PASSWORD)).status == 401


class Flood:
    """Wrong logins without a pause, from several connections of one address."""

    def __init__(self, service: Locked, address: str, clients: int = 8) -> None:
        self._service = service
        self._address = address
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        self.statuses: Counter[int] = Counter()

    def __enter__(self) -> "Flood":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        count = 0
        while not self._stopping.is_set():
            count += 1
            login = authorization("prometheus", f"guess-{number}-{count}")
            try:
                answer = self._service.get("/metrics", login, address=self._address)
            except (OSError, http.client.HTTPException):
                continue
            self.statuses[answer.status] += 1


def test_a_flood_of_wrong_passwords_does_not_keep_the_right_scraper_out(tmp_path: Path) -> None:
    with Locked(tmp_path, USERS) as service:
        with Flood(service, "127.0.0.9") as flood:
            until(lambda: flood.statuses[503] > 20, what="a full queue of checks")
            # Its first login comes in the middle of it, from an address of its own.
            began = time.monotonic()
            assert service.get("/metrics", RIGHT).status == 200
            assert time.monotonic() - began < 15
            for _ in range(20):
                began = time.monotonic()
                assert service.get("/metrics", RIGHT).status == 200
                assert time.monotonic() - began < 5
            # It was let in before, so it is now also where the flood comes from.
            assert service.get("/metrics", RIGHT, address="127.0.0.9").status == 200
        assert flood.statuses[401] > 0
        assert set(flood.statuses) <= {401, 503}
        text = service.get("/metrics", RIGHT).body.decode()
        assert 'reason="http_unauthorized"} 0' not in text
        lines = [line for line in service.lines if "http_unauthorized" in line]
        assert 0 < len(lines) <= 2
        assert "guess" not in service.log()


def test_guesses_from_many_addresses_do_not_keep_a_new_scraper_out(tmp_path: Path) -> None:
    with Locked(tmp_path, USERS) as service, ExitStack() as stack:
        floods = [
            stack.enter_context(Flood(service, f"127.0.0.{number}", clients=6))
            for number in range(10, 15)
        ]
        until(lambda: sum(flood.statuses[503] for flood in floods) > 20, what="a full queue")
        assert service.get("/metrics", RIGHT).status == 200
        text = service.get("/metrics", RIGHT).body.decode()
        assert 'reason="http_too_many_logins"} ' in text
        assert 'reason="http_too_many_logins"} 0.0' not in text


def test_who_asks_the_same_at_once_waits_for_one_check(tmp_path: Path) -> None:
    with Locked(tmp_path, USERS) as service:
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(service.get("/metrics", RIGHT).status))
            for _ in range(15)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 15


def test_a_changed_file_counts_without_a_restart_and_a_broken_one_does_not(
    tmp_path: Path,
) -> None:
    with Locked(tmp_path, USERS) as service:
        assert service.get("/metrics", RIGHT).status == 200
        service.file.write_text("basic_auth_users:\n  prometheus: [\n")
        service.wait_for_line("web configuration.*line 3.*stays in force")
        for odd in (f"rate_limit:\n  burst: {'9' * 5000}\n", "a: " + "[\n" * 3000, "a: \0"):
            service.file.write_text(odd)
            service.process.send_signal(signal.SIGHUP)
        service.wait_for_line("unacceptable character.*stays in force")
        assert service.get("/metrics", RIGHT).status == 200
        assert service.get("/metrics").status == 401
        new = bcrypt.hashpw(b"new-horse", bcrypt.gensalt(4)).decode()
        service.file.write_text(f"basic_auth_users:\n  prometheus: {new}\n")
        service.wait_for_line("web configuration: read again")
        assert service.get("/metrics", RIGHT).status == 401
        assert service.get("/metrics", authorization("prometheus", "new-horse")).status == 200


def test_requests_over_the_rate_limit_get_429_and_wrong_logins_do_not_use_it_up(
    tmp_path: Path,
) -> None:
    with Locked(tmp_path, USERS + "rate_limit:\n  interval: 1h\n  burst: 3\n") as service:
        for _ in range(5):
            assert service.get("/metrics").status == 401
        statuses = [service.get("/metrics", RIGHT).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert service.get("/-/healthy").status == 200


def test_headers_are_set_as_the_file_says_and_safe_ones_always(tmp_path: Path) -> None:
    text = "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n"
    with Locked(tmp_path, text) as service:
        page = service.get("/")
        assert page.headers["X-Frame-Options".lower()] == "sameorigin"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert service.get("/api/miners").headers["x-content-type-options"] == "nosniff"


def test_client_certificates_and_their_names_decide_who_may_ask(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    stranger = Authority(tmp_path, "stranger")
    authority.issue("service")
    text = (
        "tls_server_config:\n  cert_file: service.pem\n  key_file: service.key\n"
        "  client_ca_file: authority.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        "  client_allowed_sans: [prometheus.example]\n"
    )
    with Locked(tmp_path, text) as service:
        good = authority.client(authority.issue("good", dns="prometheus.example"))
        assert service.get("/metrics", tls=good).status == 200
        others = [
            authority.client(),
            authority.client(authority.issue("named-otherwise", dns="other.example")),
            authority.client(authority.issue("expired", dns="prometheus.example", days=-0.5)),
            authority.client(stranger.issue("impostor", dns="prometheus.example")),
        ]
        for client in others:
            with pytest.raises((OSError, http.client.HTTPException)):
                service.get("/metrics", tls=client)
        with pytest.raises((OSError, http.client.HTTPException)):
            service.get("/metrics")
        text = service.get("/metrics", tls=good).body.decode()
        assert 'connections_refused_total{reason="http_tls_handshake"} 5.0' in text


def test_a_stalled_handshake_keeps_no_scraper_waiting(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("service")
    text = "tls_server_config:\n  cert_file: service.pem\n  key_file: service.key\n"
    with Locked(tmp_path, text, f"--web.request-seconds={HANDSHAKE_SECONDS}") as service:
        stalled = [http.client.HTTPConnection(LOOPBACK, service.web) for _ in range(20)]
        for one in stalled:
            one.connect()
        began = time.monotonic()
        assert service.get("/metrics", tls=authority.client()).status == 200
        assert time.monotonic() - began < HANDSHAKE_SECONDS
        counted = 'reason="http_tls_handshake"} 20.0'
        until(lambda: counted in service.get("/metrics", tls=authority.client()).body.decode())
        for one in stalled:
            one.close()


def test_more_stalled_handshakes_than_connections_keep_no_other_address_out(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    authority.issue("service")
    text = "tls_server_config:\n  cert_file: service.pem\n  key_file: service.key\n"
    with Locked(tmp_path, text, "--web.max-connections=20") as service, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(
                socket.create_connection((LOOPBACK, service.web), source_address=("127.0.0.2", 0))
            )
        for _ in range(5):
            assert service.get("/metrics", tls=authority.client()).status == 200


def test_the_check_of_all_settings_reads_this_file_too(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("basic_auth_users:\n  a: plain\n")
    with Program("exporters.proxy", "--config.check", f"--web.config.file={file}") as program:
        assert program.wait() == 2
        assert "the password of 'a' must be a bcrypt hash" in program.log()
    tokens = tmp_path / "tokens"
    tokens.write_text("\n")
    with Program("exporters.pool", "--config.check", f"--ingest.token-file={tokens}") as program:
        assert program.wait() == 2
        assert "holds no token" in program.log()


def test_a_service_that_is_open_beyond_loopback_says_so_loudly(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("some-token\n")
    tokens.chmod(0o600)
    web = tmp_path / "web.yml"
    web.write_text(USERS)
    web.chmod(0o600)
    anywhere = ("--ingest.listen-address=0.0.0.0:0", "--web.listen-address=0.0.0.0:0")
    with Program("exporters.proxy", *anywhere) as program:
        program.wait_for_line("level=warn .*may send and replace what is shown")
        program.wait_for_line("level=warn .*may read all of it")
    closed = (f"--ingest.token-file={tokens}", f"--web.config.file={web}")
    for options in ((*anywhere, *closed), ()):
        arguments = options or (
            f"--ingest.listen-address={LOOPBACK}:0",
            "--web.listen-address=[::1]:0",
        )
        with Program("exporters.proxy", *arguments) as program:
            program.wait_for_line("listening for HTTP")
            assert program.stop() == 0
            assert "level=warn" not in program.log()
