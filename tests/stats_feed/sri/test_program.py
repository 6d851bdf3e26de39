"""`stats-feed sri` as a program: real sockets, real HTTP, a gateway played by the test."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from stats_feed.polling import Failure, ReadError
from stats_feed.sri.api import http
from stats_feed.sri.api.reading import Answer, read
from tests.stats_feed.sri.programs import Pool, Translator, as_json
from tests.stats_feed.sri.server import ApiServer
from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.ports import free_ports
from tests.support.programs import ROOT
from tests.support.until import until

SHORT = ("--interval", "0.05", "--cache-refresh", "0.05")


@contextmanager
def feed(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "stats_feed", "sri", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(*arguments: str) -> tuple[int, str]:
    """The exit code of a feed that ends by itself, and what it says."""
    with feed(*arguments) as process:
        out, log = process.communicate(timeout=30)
        return process.returncode, out + log


def at(gateway: PlainGateway) -> str:
    return "{}:{}".format(*gateway.address)


def working() -> Translator:
    program = Translator()
    for name in ("a", "b"):
        program.open_channel(program.connect(name)).share(8.0)
    return program


def test_a_translators_miners_go_to_every_gateway_until_a_signal_stops_the_feed() -> None:
    with (
        ApiServer(working()) as api,
        PlainGateway() as one,
        PlainGateway() as other,
        feed(
            "--url", api.url, "--source", "t1", "--to", at(one.listen()),
            "--to", f"proxy={at(other.listen())}", *SHORT, "--interval", "4",
        ) as process,
    ):  # fmt: skip
        for gateway in (one, other):
            with gateway.accept() as peer:
                hello = peer.welcome()
                assert (hello["source"], hello["interval"]) == ("t1", 4.0)
                miners = peer.read()["MinerSnapshot"]["miners"]
                assert isinstance(miners, list)
                assert [miner["shares_submitted"] for miner in miners] == [1, 1]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0, log
        assert f"{api.url} is a translator: shares, rejects and work are known" in log


def test_a_pool_goes_to_a_stats_pool_and_its_channels_to_a_stats_proxy() -> None:
    program = Pool()
    program.open_channel(program.connect(), "acme.w1").share(8.0)
    with (
        ApiServer(program) as api,
        PlainGateway() as pool,
        PlainGateway() as proxy,
        feed(
            "--url", api.url, "--to", at(pool.listen()), "--channels-to", at(proxy.listen()),
        ),
        pool.accept() as to_pool,
        proxy.accept() as to_proxy,
    ):  # fmt: skip
        assert to_pool.welcome() == {**to_proxy.welcome(), "interval": 15.0}
        assert to_pool.read()["ConnectionSnapshot"]["connections"][0]["work"] == 8.0  # type: ignore[index]  # a list
        assert to_proxy.read()["MinerSnapshot"]["miners"][0]["name"] == "acme.w1"  # type: ignore[index]  # a list


def test_an_api_that_is_away_sends_nothing_and_is_read_again_when_it_is_back() -> None:
    (port,) = free_ports(1)
    with (
        PlainGateway() as gateway,
        feed(
            "--url", f"http://127.0.0.1:{port}", "--to", at(gateway.listen()), *SHORT,
            "--log.format", "json",
        ) as process,
    ):  # fmt: skip
        assert process.stderr is not None
        assert "trying again, and sending nothing meanwhile" in process.stderr.readline()
        with ApiServer(working(), port), gateway.accept() as peer:
            peer.welcome()
            assert len(peer.read()["MinerSnapshot"]["miners"]) == 2  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(404, b""), "/api/v1/global is not found (404): this is no monitoring API"),
        (Answer(200, b"<html></html>"), "the answer is not JSON"),
    ],
)
def test_what_is_no_monitoring_api_is_a_clear_error_and_exit_code(
    answer: Answer, message: str
) -> None:
    with ApiServer(Translator()) as api:
        api.respond = lambda _: answer
        code, log = ended("--url", api.url)
    assert code == 1
    assert message in log
    assert "Traceback" not in log


def test_one_to_for_two_kinds_of_programs_is_an_error_that_says_what_to_write() -> None:
    with ApiServer(Translator()) as one, ApiServer(Pool()) as other:
        code, log = ended("--url", one.url, "--url", other.url, "--to", "127.0.0.1:1", *SHORT)
    assert code == 1
    assert "proxy=HOST:PORT and pool=HOST:PORT" in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "127.0.0.1:9090"], "is not http://HOST:PORT"),
        (["--url", "http://a:b@h:1"], "only scheme, host and port"),
        (["--url", "http://h:1/metrics"], "only scheme, host and port"),
        (["--url", "http://h:99999"], "--url"),
        (["--url", "http://h:1", "--url", "http://i:1", "--source", "a"], "one for each"),
        (["--url", "http://h:1", "--url", "http://h:1"], "each needs its own --source"),
        ([], "--url"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused_with_a_reason(
    arguments: list[str], message: str
) -> None:
    code, log = ended(*arguments)
    assert code == 2
    assert message in log


def test_the_configuration_can_be_checked_and_the_version_asked_for() -> None:
    assert ended("--url", "http://h:1", "--config.check") == (
        0,
        "stats-feed sri: the flags are fine\n",
    )
    said = subprocess.run(
        [sys.executable, "-m", "stats_feed", "--version"], cwd=ROOT, capture_output=True, check=True
    )
    assert re.fullmatch(rb"stats-feed [\d.]+\n", said.stdout)


def test_a_feed_tells_its_own_health() -> None:
    (port,) = free_ports(1)
    with (
        ApiServer(working()) as api,
        PlainGateway() as gateway,
        feed(
            "--url", api.url, "--source", 'a"b', "--to", at(gateway.listen()), *SHORT,
            "--web.listen-address", f"127.0.0.1:{port}",
        ),
        gateway.accept() as peer,
    ):  # fmt: skip
        peer.welcome()
        peer.read()
        before = scrape(port)
        assert before['stats_feed_up{source="a\\"b"}'] == 1
        gateway_labels = f'source="a\\"b",gateway="{at(gateway)}"'
        assert before[f"stats_feed_gateway_connected{{{gateway_labels}}}"] == 1
        api.respond = lambda _: Answer(503, b"")
        failures = 'stats_feed_read_failures_total{source="a\\"b",reason="status"}'
        until(lambda: failures in scrape(port))
        samples = scrape(port)
        assert samples['stats_feed_up{source="a\\"b"}'] == 0
        changed = 'stats_feed_last_change_timestamp_seconds{source="a\\"b"}'
        assert samples[changed] == before[changed]


def scrape(port: int) -> dict[str, float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


@contextmanager
def api_of(server: ApiServer, timeout: float = 5.0) -> Iterator[http.Api]:
    with closing(http.Api(server.url, timeout)) as api:
        yield api


def test_an_answer_that_comes_too_late_fails_the_reading() -> None:
    given_up = threading.Event()

    def respond(_: str) -> Answer:
        given_up.wait(20)
        return as_json({})

    with ApiServer(Translator()) as server:
        server.respond = respond
        with api_of(server, timeout=0.1) as api, pytest.raises(ReadError) as raised:
            api.run(read(), time.monotonic)
        given_up.set()
    assert raised.value.failure is Failure.TIMEOUT


def test_an_answer_that_is_too_large_fails_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 100_000)
    with ApiServer(Translator()) as server:
        server.respond = lambda _: Answer(200, b" " * 1_000_000)
        with api_of(server) as api, pytest.raises(ReadError) as raised:
            api.run(read(), time.monotonic)
    assert raised.value.failure is Failure.TOO_LARGE


def test_an_answer_that_is_cut_off_fails_the_reading() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut_off() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")

        server = threading.Thread(target=cut_off)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with closing(http.Api(url, 5.0)) as api, pytest.raises(ReadError, match="cut off"):
            api.run(read(), time.monotonic)
        server.join()


def test_a_reading_that_takes_too_long_in_total_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_SECONDS", 0.0)
    with (
        ApiServer(working()) as server,
        api_of(server) as api,
        pytest.raises(ReadError) as raised,
    ):
        api.run(read(), time.monotonic)
    assert raised.value.failure is Failure.TIMEOUT


def test_one_connection_serves_many_readings_and_is_opened_anew_when_it_was_closed() -> None:
    with ExitStack() as stack:
        with ApiServer(working()) as server:
            api = stack.enter_context(api_of(server))
            reading, _ = api.run(read(), time.monotonic)
            again, _ = api.run(read(), time.monotonic)
            assert reading == again
        with ApiServer(working(), server.port):
            assert len(api.run(read(), time.monotonic)[0].miners) == 2
        with pytest.raises(ReadError) as raised:
            api.run(read(), time.monotonic)
        assert raised.value.failure is Failure.UNREACHABLE
