"""HTTP clients that are slow, many, greedy or no HTTP clients at all."""

import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse

import pytest

from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.security.peers import connected, hello, wait_refused
from tests.support.until import sleep_until, until

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"
THIRD = "127.0.0.3"
EARLY_SECONDS = 9.0
"""Less than a request may take by default, so that the option must be at work."""

STOPPED_SECONDS = 15.0
"""About 2 s are enough for a quiet machine."""

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\n\r\n"


@pytest.fixture(scope="module")
def harmless() -> Iterator[Service]:
    """A service for the tests that leave it as it was."""
    with Service("proxy") as service:
        yield service


@contextmanager
def client(service: Service, data: bytes = b"", address: str = LOOPBACK) -> Iterator[socket.socket]:
    """A connection to the HTTP port that has sent `data`, and reads nothing by itself."""
    with socket.create_connection(
        (LOOPBACK, service.web), timeout=30, source_address=(address, 0)
    ) as connection:
        connection.sendall(data)
        yield connection


def wait_for_end(connection: socket.socket) -> bytes:
    """What came before the service closed or reset the connection."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def read_answer(connection: socket.socket) -> bytes:
    """Read one whole answer, which must be a good one; gives its body."""
    with HTTPResponse(connection) as answer:
        answer.begin()
        assert answer.status == 200
        return answer.read()


def fill(service: Service, stack: ExitStack, count: int) -> None:
    """Have the service show so many miners that their exposition fits in no socket's buffers."""
    sender = stack.enter_context(connected(service.ingest))
    sender.ask(hello("large"))
    sender.say(miner_snapshot(miners(*(f"{number:0100}" for number in range(count)))))
    path = "/metrics?name[]=stratum_proxy_miners"
    until(lambda: f" {count}\n".encode() in service.get(path).body, what="the snapshot")


@pytest.mark.parametrize(
    "data",
    [b"", b"GET", b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\n", REQUEST + b"GET /metr"],
    ids=["nothing", "a word", "no end of the header", "half of a second request"],
)
def test_a_request_that_does_not_come_whole_ends_in_time(data: bytes) -> None:
    with Service("proxy", "--web.request-seconds=1") as service, client(service, data) as slow:
        began = time.monotonic()
        wait_for_end(slow)
        assert 0.5 < time.monotonic() - began < EARLY_SECONDS
        wait_refused(service, "http_slow_request", 1)


def test_a_byte_a_moment_does_not_make_it_longer() -> None:
    with Service("proxy", "--web.request-seconds=1") as service, client(service, b"GET /") as slow:
        began = time.monotonic()
        slow.settimeout(0.1)
        while time.monotonic() - began < EARLY_SECONDS:
            try:
                slow.sendall(b"a")
                if not slow.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - began < EARLY_SECONDS
        wait_refused(service, "http_slow_request", 1)


def test_a_kept_connection_may_rest_between_two_requests() -> None:
    with (
        Service("proxy", "--web.request-seconds=0.5", "--web.response-seconds=0.5") as service,
        client(service, REQUEST) as scraper,
    ):
        read_answer(scraper)
        sleep_until(time.monotonic() + 1.2)  # for twice as long as a request may take
        scraper.sendall(REQUEST)
        assert read_answer(scraper)


def test_who_stops_reading_is_dropped_in_time() -> None:
    with Service("proxy", "--web.response-seconds=1") as service, ExitStack() as stack:
        fill(service, stack, 30_000)
        readers = [stack.enter_context(client(service, REQUEST)) for _ in range(5)]
        half_closed = stack.enter_context(client(service, REQUEST))
        half_closed.shutdown(socket.SHUT_WR)
        wait_refused(service, "http_slow_reader", 5)
        for reader in readers:
            assert len(wait_for_end(reader)) > 0
        until(lambda: service.open_files() < 25, what="their connections to be closed")


def test_requests_over_the_bound_are_shed_and_no_address_takes_them_all() -> None:
    options = ("--web.max-requests=4", "--web.response-seconds=5")
    with Service("proxy", *options) as service, ExitStack() as stack:
        fill(service, stack, 30_000)
        greedy = [stack.enter_context(client(service, REQUEST, OTHER)) for _ in range(6)]
        shed = [one for one in greedy if b"HTTP/1.1 503" in one.recv(20)]
        assert len(shed) == 4
        assert b"retry-after: 1" in shed[0].recv(65536).lower()
        # Half of them are left for the others.
        assert service.get("/metrics").status == 200
        assert service.get("/-/healthy").status == 200
        wait_refused(service, "http_too_many_requests", 4)


def test_two_addresses_that_take_all_they_can_leave_a_third_one_its_answer() -> None:
    with Service("proxy", "--web.max-requests=8") as service, ExitStack() as stack:
        fill(service, stack, 30_000)
        for address in (OTHER, THIRD):
            greedy = [stack.enter_context(client(service, REQUEST, address)) for _ in range(8)]
            assert sum(b"HTTP/1.1 503" in one.recv(20) for one in greedy) >= 4
        for _ in range(8):
            assert service.get("/metrics").status == 200


def test_an_answer_that_nobody_takes_ends_long_before_the_time_for_a_whole_answer() -> None:
    with Service("proxy") as service, ExitStack() as stack:
        fill(service, stack, 30_000)
        began = time.monotonic()
        stalled = stack.enter_context(client(service, REQUEST))
        wait_refused(service, "http_slow_reader", 1)
        assert time.monotonic() - began > 4
        assert len(wait_for_end(stalled)) > 0
        assert "took nothing of its answer for 5 s" in service.log()


def test_a_reader_that_is_slow_and_goes_on_gets_all_of_its_answer() -> None:
    with Service("proxy") as service, ExitStack() as stack:
        fill(service, stack, 10_000)
        slow = stack.enter_context(client(service, REQUEST))
        whole = len(service.get("/metrics").body)
        began, received = time.monotonic(), 0
        while received < whole and (data := slow.recv(1 << 16)):
            received += len(data)
            sleep_until(began + 12 * received / whole)  # longer than two looks for progress
        assert received >= whole


def test_connections_over_the_bound_make_room_among_those_that_ask_nothing() -> None:
    with Service("proxy", "--web.max-connections=10") as service, ExitStack() as stack:
        scraper = stack.enter_context(client(service, REQUEST, OTHER))
        read_answer(scraper)
        for _ in range(30):
            stack.enter_context(client(service))

        def counted() -> bool:
            scraper.sendall(REQUEST)
            count = re.search(rb'reason="http_too_many_connections"} (\d+)', read_answer(scraper))
            return count is not None and int(count[1]) >= 21

        until(counted)
        assert service.open_files() < 35


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /metrics\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nHost : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nX: " + b"x" * 30_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\n" + b"X: y\r\n" * 4_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"{}\n" * 6000,
        bytes(range(256)) * 100,
    ],
)
def test_what_is_no_http_is_refused_counted_and_costs_one_line_of_log(data: bytes) -> None:
    with Service("proxy") as service:
        for _ in range(5):
            with client(service) as garbage:
                try:
                    garbage.sendall(data)
                    garbage.shutdown(socket.SHUT_WR)
                except OSError:
                    continue  # closed before all of it was sent
                wait_for_end(garbage)
        wait_refused(service, "http_bad_request", 5)
        service.wait_for_line("http_bad_request")
        assert sum("http_bad_request" in line for line in service.lines) == 1
        assert not service.errors()


def test_an_upgrade_is_not_done_and_not_talked_about() -> None:
    upgrade = REQUEST[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    with Service("proxy") as service, client(service, upgrade) as odd:
        assert b"HTTP/1.1 200" in odd.recv(65536)
        assert "pgrade" not in service.log()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "BREW", "x" * 500])
def test_a_clients_words_never_become_labels(harmless: Service, method: str) -> None:
    before = set(harmless.scrape().samples)
    request = f"{method} /metrics?{method}=1 HTTP/1.1\r\nHost: [::1]\r\n\r\n".encode()
    with client(harmless, request) as odd:
        assert b" 405 " in odd.recv(65536)
    with client(harmless, f"GET /{method} HTTP/1.1\r\nHost: [::1]\r\n\r\n".encode()) as odd:
        assert b" 404 " in odd.recv(65536)
    scrape = harmless.scrape()
    assert set(scrape.samples) == before
    assert f'"{method}"' not in scrape.text


def test_a_signal_ends_it_with_0_in_time_whatever_peers_do() -> None:
    with Service("proxy") as service, ExitStack() as stack:
        fill(service, stack, 30_000)
        for _ in range(10):
            stack.enter_context(client(service, REQUEST))
            stack.enter_context(client(service, b"GET /met"))
            peer = stack.enter_context(connected(service.ingest))
            peer.socket.sendall((50 << 20).to_bytes(4, "big") + bytes(1000))
        until(lambda: service.open_files() >= 35, what="all of them")
        assert service.stop(signal.SIGTERM, STOPPED_SECONDS) == 0
        assert not service.errors()


@pytest.mark.parametrize(
    "target",
    [
        "/api/downstream/" + "9" * 5000 + "/hashrate",
        "/api/downstream/" + "9" * 400 + "/hashrate",
        "/api/miners?offset=" + "9" * 5000,
        "/api/miners?limit=%EF%BC%91",
        "/api/hashrate?from=nan&to=inf",
        "/metrics?name[]=%00%ff&source=%ud800",
        "/metrics?" + "name[]=a&" * 1500,
        "/%2e%2e/%2e%2e/etc/passwd",
        "/metrics%0d%0aSet-Cookie:a=b",
        "/" + "%F0%9F%92%A9" * 100,
        "http://other.example/metrics",
        "*",
    ],
)
def test_no_target_is_an_unforeseen_error(harmless: Service, target: str) -> None:
    with client(harmless, f"GET {target} HTTP/1.1\r\nHost: [::1]\r\n\r\n".encode()) as odd:
        answer = odd.recv(65536)
        assert answer.startswith(b"HTTP/1.1 ")
        assert not answer.startswith(b"HTTP/1.1 500")
        assert b"set-cookie" not in answer.lower()
        assert not harmless.errors()


def test_on_loopback_another_hosts_name_gets_nothing_and_nothing_leads_there() -> None:
    with Service("proxy") as service:
        forged = {"Host": "evil.example"}
        for path in ("/", "/metrics", "/metrics/", "/api/miners"):
            answer = service.get(path, forged)
            assert answer.status == 421
            assert "loopback" in answer.json()["error"]
        assert service.get("/metrics", {"Host": f"localhost:{service.web}"}).status == 200
        astray = service.get("/metrics/")
        assert astray.status == 404
        assert "location" not in astray.headers
        wait_refused(service, "http_wrong_host", 4)


def test_nobody_can_say_that_they_are_someone_else() -> None:
    forged = REQUEST.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
    with Service("proxy", "--log.level=debug") as service:
        with client(service, b"x" * 30_000 + forged) as odd:
            wait_for_end(odd)
        with client(service, forged.replace(b"/metrics", b"/" + b"a" * 600)) as odd:
            assert b" 414 " in odd.recv(65536)
        wait_refused(service, "http_bad_request", 2)
        assert "203.0.113.9" not in service.log()
