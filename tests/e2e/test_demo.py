"""`make demo`, run for real: all of it comes up, and nothing of it stays."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin

import pytest

from tests.support.programs import program
from tests.support.until import until

ROOT = Path(__file__).resolve().parents[2]
# Prometheus scrapes every 5 s; a busy machine takes its time to start five programs.
TARGETS_UP_WITHIN = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Demo:
    """A demo in the foreground of a process of its own."""

    def __init__(self, *options: str) -> None:
        tools = os.pathsep.join([os.environ["PATH"], str(ROOT / ".tools" / "bin")])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.demo", *options],
            cwd=ROOT,
            env={**os.environ, "PATH": tools},
            stdout=subprocess.PIPE,
            text=True,
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
        found = re.search(rf"{title}\s+(http://\S+)", self.output)
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


def targets(prometheus: str) -> dict[str, str]:
    """Each job's health."""
    with urllib.request.urlopen(f"{prometheus}api/v1/targets", timeout=5) as answer:
        active = json.load(answer)["data"]["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in active}


def shows_its_pages(prometheus: str) -> bool:
    """Whether a browser gets a page and everything that the page is made of."""
    try:
        with urllib.request.urlopen(prometheus, timeout=5) as answer:
            page = answer.read().decode()
    except HTTPError:
        return False
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
    with demo("--miners", "5") as running:
        programs = running.programs()
        assert len(programs) >= 4
        prometheus = running.page("Prometheus, (?:history|API only)")
        everything_up = {"prometheus": "up", "stats-proxy": "up", "stats-pool": "up"}
        deadline = time.monotonic() + TARGETS_UP_WITHIN
        while (health := targets(prometheus)) != everything_up:
            assert time.monotonic() < deadline, health
            time.sleep(0.2)
        assert shows_its_pages(prometheus) == ("history" in running.output)
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 0
    assert_nothing_is_left(running, programs)


def test_two_at_once_take_different_ports() -> None:
    options = ("--without-prometheus", "--miners", "5")
    with demo(*options) as first, demo(*options) as second:
        assert first.page("Miners now") != second.page("Miners now")
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
