import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.programs import ROOT


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "stats_feed", "simulate", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def names_in(snapshot: dict[str, Any]) -> set[str]:
    """The names of the miners that have said theirs."""
    rows = snapshot["miners"]
    return {row["name"] for row in rows if not row["name"].startswith("Miner-")}


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


def test_it_tells_what_happened_before_it_was_started_and_obeys_its_standard_input() -> None:
    began = time.time() - 1000  # all of it: the upstream was lost and came back since
    with (
        PlainGateway() as proxy,
        running(
            "--proxy", at(proxy.listen()), "--pool", "none", "--commands", "--churn", "0",
            "--began", f"{began}",
        ) as feed,
    ):  # fmt: skip
        assert feed.stdin is not None
        with proxy.accept() as peer:
            peer.welcome()
            snapshot: dict[str, Any] = peer.read()["MinerSnapshot"]
            assert snapshot["totals"]["shares_submitted"] > 1000  # 25 miners, 6 a minute
            miners = names_in(snapshot)
            feed.stdin.write("nonsense\nunplug\n")
            feed.stdin.flush()
            while (left := names_in(peer.read()["MinerSnapshot"])) == miners:
                pass
            assert len(left) == len(miners) - 1
            feed.stdin.write("translator\n")
            feed.stdin.flush()
            assert peer.is_closed()
        feed.stdin.write("translator\n")
        feed.stdin.flush()
        with proxy.accept() as peer:
            peer.welcome()


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
