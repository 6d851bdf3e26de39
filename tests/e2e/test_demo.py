"""`make demo`, run for real: all of it comes up, and nothing of it stays."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from tests.support.programs import program
from tests.support.until import until

ROOT = Path(__file__).resolve().parents[2]
# Prometheus scrapes every 5 s; a busy machine takes its time to start five programs.
TARGETS_UP_WITHIN = 60.0
# They fire after 75 s: a minute of waiting, and up to 15 s between two evaluations.
ALERTS_WITHIN = 180.0
AT_ONCE = {"StratumProxyMinerVanished", "StratumProxyMinerIdle"}
ON_PURPOSE = {*AT_ONCE, "StratumProxyMinerFlapping"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


ON_TERMINAL = ("sh", "-c", 'exec "$@" <"$0"')
"""Opened by the first process of a session, a terminal is that session's own."""


class Demo:
    """A demo in the foreground of a process of its own."""

    def __init__(self, *options: str, terminal: str | None = None) -> None:
        tools = os.pathsep.join([os.environ["PATH"], str(ROOT / ".tools" / "bin")])
        self.process = subprocess.Popen(
            [*ON_TERMINAL, terminal or os.devnull, sys.executable, "-m", "scripts.demo", *options],
            cwd=ROOT,
            env={**os.environ, "PATH": tools},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.run = ROOT / ".demo" / str(self.process.pid)
        self.output = ""

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if line.startswith("Ctrl-C"):
                return
        pytest.fail(f"the demo ended before it was up:\n{self.output}")

    def page(self, title: str) -> str:
        found = re.search(rf"^  {title}\s+(http://\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    def end(self) -> int:
        """Wait for the end; its exit code."""
        output, _ = self.process.communicate(timeout=60)
        self.output += output
        return self.process.returncode

    def programs(self) -> dict[int, str]:
        """Process ids and command lines of what it started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid): command_line(int(pid)) for pid in children.read_text().split()}


@contextmanager
def demo(*options: str) -> Iterator[Demo]:
    running = Demo(*options)
    try:
        running.wait_until_up()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(60)
        assert running.process.stdout is not None
        running.process.stdout.close()


def command_line(pid: int) -> str:
    """Empty once the process has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def ask(prometheus: str, api: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON
    """What Prometheus's API answers."""
    address = f"{prometheus}/api/v1/{api}?{urlencode(parameters)}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return json.load(answer)["data"]


def targets(prometheus: str) -> dict[str, str]:
    """Each job's health."""
    active = ask(prometheus, "targets")["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in active}


def firing(prometheus: str) -> set[str]:
    """The alerts that fire, but for the watchdog, which always does."""
    alerts = [one for one in ask(prometheus, "alerts")["alerts"] if one["state"] == "firing"]
    return {one["labels"]["alertname"] for one in alerts} - {"StatsGatewayWatchdog"}


def series(prometheus: str, query: str, start: float, end: float) -> list[float]:
    """The values of the only series that the query gives, each minute of that time."""
    answer = ask(prometheus, "query_range", query=query, start=start, end=end, step=60)
    (found,) = answer["result"]
    return [float(value) for _, value in found["values"]]


def shows_its_pages(prometheus: str) -> bool:
    """Whether a browser gets a page and everything that the page is made of."""
    with urllib.request.urlopen(prometheus, timeout=5) as answer:
        page = answer.read().decode()
    for part in re.findall(r'(?:src|href)="([^"]*static[^"]*)"', page):
        with urllib.request.urlopen(urljoin(answer.url, part), timeout=5) as answer_of_part:
            assert answer_of_part.read(1)
    return True


def assert_nothing_is_left(ended: Demo, programs: dict[int, str]) -> None:
    assert not [line for pid, line in programs.items() if line and command_line(pid) == line]
    assert not (ended.run / "data").exists()
    assert list(ended.run.glob("*.log"))


def test_prometheus_scrapes_both_services_and_a_signal_stops_everything() -> None:
    program("prometheus")
    with demo("--miners", "5", "--days", "0") as running:
        programs = running.programs()
        assert len(programs) >= 4
        prometheus = running.page("Alerts").partition("/classic")[0].partition("/api")[0]
        jobs = ("prometheus", "stats-proxy", "stats-pool", "stats-feed")
        everything_up = dict.fromkeys(jobs, "up")
        deadline = time.monotonic() + TARGETS_UP_WITHIN
        while (health := targets(prometheus)) != everything_up:
            assert time.monotonic() < deadline, health
            time.sleep(0.2)
        if "  Prometheus " in running.output:
            assert shows_its_pages(running.page("Prometheus"))
            assert shows_its_pages(running.page("Alerts"))
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 0
    assert_nothing_is_left(running, programs)


def test_live_data_go_on_where_the_past_ends_and_alerts_fire_on_purpose() -> None:
    program("prometheus")
    program("promtool")
    with demo("--days", "1") as running:
        prometheus = running.page("Alerts").partition("/classic")[0].partition("/api")[0]
        until(lambda: firing(prometheus) >= AT_ONCE, ALERTS_WITHIN, "the alerts on purpose")
        assert firing(prometheus) <= ON_PURPOSE
        now = time.time() - 60  # as old as the newest record may be
        measured = 'source:stratum_proxy_hashrate_hashes_per_second:avg5m{source="translator-1"}'
        hour = series(prometheus, measured, now - 1800, now)
        assert len(hour) == 31
        assert max(hour) < 1.5 * min(hour)
        day = series(prometheus, measured, now - 23 * 3600, now)
        assert len(day) > 0.98 * 23 * 60


def test_keys_unplug_a_miner_stop_the_translator_restart_a_service_and_quit() -> None:
    person, terminal = pty.openpty()
    running = Demo("--without-prometheus", "--miners", "6", terminal=os.ttyname(terminal))
    try:
        running.wait_until_up()
        programs = running.programs()
        page = running.page("Miners")
        before = miners(page)
        os.write(person, b"k")
        until(lambda: len(miners(page)) == len(before) - 1, what=f"one fewer than {before}")
        os.write(person, b"t")
        until(lambda: not miners(page))
        os.write(person, b"tr")
        until(lambda: miners(page) and command_line(victim(programs)) == "")
        os.write(person, b"q")
        assert running.end() == 0
    finally:
        running.process.kill()
        running.process.communicate()
        os.close(person)
        os.close(terminal)
    assert_nothing_is_left(running, programs)


def victim(programs: dict[int, str]) -> int:
    """The process of stats-proxy."""
    return next(pid for pid, line in programs.items() if "exporters.proxy" in line)


def miners(page: str) -> set[str]:
    """The names of the translator's miners; none while the service is away."""
    try:
        with urllib.request.urlopen(f"{page}api/miners", timeout=5) as answer:
            rows = json.load(answer)["miners"]
    except OSError:
        return set()
    ours = [row["name"] for row in rows if row["source"] == "translator-1"]
    return {name for name in ours if not name.startswith("Miner-")}


def test_two_at_once_take_different_ports() -> None:
    options = ("--without-prometheus", "--miners", "5")
    with demo(*options) as first, demo(*options) as second:
        assert first.page("Miners") != second.page("Miners")
        assert re.search(r"Port \d+ is in use; taking \d+ in its place.", second.output)
        programs = first.programs() | second.programs()
    for ended in (first, second):
        assert_nothing_is_left(ended, programs)


def test_it_stops_by_itself_after_the_time_asked_for() -> None:
    with demo("--without-prometheus", "--for", "1") as running:
        programs = running.programs()
        assert running.end() == 0
    assert_nothing_is_left(running, programs)


def test_everything_is_stopped_when_the_terminal_is_closed() -> None:
    with demo("--without-prometheus", "--miners", "5") as running:
        programs = running.programs()
        assert running.process.stdout is not None
        running.process.stdout.close()
        running.process.send_signal(signal.SIGHUP)
        running.process.wait(60)
    assert_nothing_is_left(running, programs)


def test_a_program_that_dies_is_named_with_its_log_and_ends_the_rest() -> None:
    with demo("--without-prometheus", "--miners", "5") as running:
        programs = running.programs()
        victim = next(pid for pid, line in programs.items() if "exporters.pool" in line)
        os.kill(victim, signal.SIGKILL)
        assert running.end() == 1
    assert "stats-pool ended with exit code -9. The end of " in running.output
    assert_nothing_is_left(running, programs)


def test_its_programs_end_when_it_is_killed() -> None:
    with demo("--without-prometheus", "--miners", "5") as running:
        programs = running.programs()
        running.process.kill()
        running.process.wait(60)
    until(lambda: not any(command_line(pid) == line for pid, line in programs.items()))
