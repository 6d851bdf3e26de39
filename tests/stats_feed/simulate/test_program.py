import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.programs import ROOT


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "stats_feed", "simulate", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def at(gateway: PlainGateway) -> str:
    host, port = gateway.address
    return f"{host}:{port}"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_sends_to_both_services_until_a_signal_stops_it(stop: signal.Signals) -> None:
    with (
        PlainGateway() as proxy,
        PlainGateway() as pool,
        running("--proxy", at(proxy.listen()), "--pool", at(pool.listen())) as feed,
    ):
        with proxy.accept() as to_proxy, pool.accept() as to_pool:
            version = importlib.metadata.version("stratum-stats")
            hello = {"source": "translator-1", "interval": 10.0, "version": version}
            assert to_proxy.welcome() == hello
            assert to_pool.welcome() == {**hello, "source": "pool-1"}
            miners = to_proxy.read()["MinerSnapshot"]["miners"]
            connections = to_pool.read()["ConnectionSnapshot"]["connections"]
            assert isinstance(miners, list)
            assert isinstance(connections, list)
            assert (len(miners), len(connections)) == (25, 5)
            feed.send_signal(stop)
            _, log = feed.communicate(timeout=60)
        assert feed.returncode == 0, log
        assert "stats-proxy: connected, " in log
        assert log.rstrip().endswith("stopped")


def test_it_stops_by_itself_after_its_duration_and_sends_nothing_where_none_is_asked() -> None:
    with (
        PlainGateway() as pool,
        running(
            "--proxy", "none", "--pool", at(pool.listen()), "--duration", "0.5",
            "--pool-source", "north",
        ) as feed,
        pool.accept() as peer,
    ):  # fmt: skip
        assert peer.welcome()["source"] == "north"
        _, log = feed.communicate(timeout=60)
        assert feed.returncode == 0, log
        assert "stats-proxy" not in log


def test_the_help_fits_a_terminal_of_80_columns() -> None:
    command = [sys.executable, "-m", "stats_feed", "simulate", "--help"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    said = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert not [line for line in said.stdout.splitlines() if len(line) > 80]
