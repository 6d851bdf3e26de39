"""The README is held against the families it lists and the senders it shows."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters.exposition.families import ALL
from tests.e2e.harness.service import Service
from tests.support.programs import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADER = "| family | type | labels | meaning |"
PROXY_PORT = "8082"
"""Where the examples send to: the default of stats-proxy."""


def test_every_family_is_listed_once_as_it_is_exposed_and_nothing_else_is() -> None:
    exposed = [
        (family.name, str(family.kind), family.labels, family.help)
        for family in sorted(ALL, key=lambda family: family.name)
    ]
    assert sorted(listed_families()) == exposed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sender", "command"),
    [("python sender", [sys.executable, "-c"]), ("shell sender", ["bash", "-c"])],
)
def test_a_sender_copied_from_the_readme_shows_a_miner(
    sender: str, command: list[str], tmp_path: Path
) -> None:
    code = example(sender)
    assert PROXY_PORT in code
    with Service("proxy") as service:
        code = code.replace(PROXY_PORT, str(service.ingest))
        with running([*command, code], tmp_path / "output") as output:
            scrape = service.scrape_until(lambda scrape: scrape.names() or output())
            assert scrape.names() == ["rig-1"], output()
            refused = scrape.values("stats_gateway_messages_refused_total", "reason")
            assert not any(refused.values())


def listed_families() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for table in README.split(HEADER)[1:]:
        for line in table.strip().splitlines()[1:]:
            if not line.startswith("|"):
                break
            name, kind, labels, meaning = (cell.strip() for cell in line.strip("|").split("|"))
            yield name.strip("`"), kind, tuple(re.findall(r"`(\w+)`", labels)), meaning


def example(name: str) -> str:
    """The code block that follows the comment `<!-- test: NAME -->`."""
    marked = rf"<!-- test: {re.escape(name)} -->\s*```\w+\n(.*?)```"
    (code,) = re.findall(marked, README, re.DOTALL)
    assert isinstance(code, str)
    return code


@contextmanager
def running(command: list[str], file: Path) -> Iterator[Callable[[], str]]:
    """`command`, ended with its children; gives what it has written so far."""
    with file.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield file.read_text
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
