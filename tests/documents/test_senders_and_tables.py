"""The senders and tables in the documentation: each is run, or held against the code."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters.exposition.families import ALL
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.service import Service
from tests.support.documents import examples
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.until import until

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
HEADER = "| family | type | labels | meaning |"
PROXY_PORT = "8082"
"""Where the examples send to: the default of stats-proxy."""
SEND_ONE = """
import time
from stats_gateway.sender import MinerTracker

tracker = MinerTracker()
tracker.connect(1, "rig-1", None, time.time())
while True:
    handle.send(tracker.snapshot(time.time()))
    time.sleep(1)
"""


def test_every_family_is_listed_once_as_it_is_exposed_and_nothing_else_is() -> None:
    exposed = [
        (family.name, str(family.kind), family.labels, family.help)
        for family in sorted(ALL, key=lambda family: family.name)
    ]
    assert sorted(listed_families()) == exposed


each_sender = pytest.mark.parametrize(
    ("sender", "command"),
    [("python sender", [sys.executable, "-u", "-c"]), ("shell sender", ["bash", "-c"])],
)


@pytest.mark.slow
@each_sender
def test_a_sender_copied_from_the_documentation_shows_a_miner(
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


@pytest.mark.slow
def test_a_program_that_embeds_the_sender_as_documented_shows_a_miner(tmp_path: Path) -> None:
    code = example("embedded sender").replace(
        "    ...", '    tracker.connect(1, "rig-1", None, 1e9); __import__("time").sleep(600)'
    )
    with Service("proxy") as service:
        code = code.replace(PROXY_PORT, str(service.ingest))
        with running([sys.executable, "-c", code], tmp_path / "output") as output:
            scrape = service.scrape_until(lambda scrape: scrape.names() or output())
            assert scrape.names() == ["rig-1"], output()


@pytest.mark.slow
@each_sender
def test_a_sender_copied_from_the_documentation_outlives_the_gateway(
    sender: str, command: list[str], tmp_path: Path
) -> None:
    (ingest,) = free_ports(1)
    code = example(sender).replace(PROXY_PORT, str(ingest))
    with running([*command, code], tmp_path / "output") as output:
        until(lambda: "refused" in output())
        for _ in range(2):
            with Service("proxy", ingest=ingest) as service:
                service.scrape_until(lambda scrape: scrape.names() == ["rig-1"])


@pytest.mark.slow
def test_a_strict_client_accepts_the_certificates_that_security_md_makes(tmp_path: Path) -> None:
    program("openssl")
    code = "set -e\n" + example("certificates", "SECURITY.md")
    subprocess.run(["sh", "-c", code], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "tokens").write_text("s3cret translator-1\n")
    options = [
        f"--ingest.tls-cert-file={tmp_path}/service.pem",
        f"--ingest.tls-key-file={tmp_path}/service.key",
        f"--ingest.token-file={tmp_path}/tokens",
    ]
    with Service("proxy", *options) as service:
        strict = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        strict.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python has by itself since 3.13
        with (
            socket.create_connection((LOOPBACK, service.ingest)) as plain,
            strict.wrap_socket(plain, server_hostname="stats.example.org"),
        ):
            pass
        code = example("sender with TLS", "SECURITY.md") + SEND_ONE
        code = code.replace("stats.example.org", LOOPBACK).replace(PROXY_PORT, str(service.ingest))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with running(
            [sys.executable, "-c", code], tmp_path / "output", cwd=tmp_path, env=environment
        ) as output:
            scrape = service.scrape_until(lambda scrape: scrape.names() or output())
            assert scrape.names() == ["rig-1"], output()


def listed_families() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for table in REFERENCE.split(HEADER)[1:]:
        for line in table.strip().splitlines()[1:]:
            if not line.startswith("|"):
                break
            name, kind, labels, meaning = (cell.strip() for cell in line.strip("|").split("|"))
            yield name.strip("`"), kind, tuple(re.findall(r"`(\w+)`", labels)), meaning


def example(name: str, document: str = "docs/start.md") -> str:
    """The only code block of that name."""
    (code,) = examples(document, name)
    return code


@contextmanager
def running(
    command: list[str], file: Path, *, cwd: Path = ROOT, env: Mapping[str, str] = os.environ
) -> Iterator[Callable[[], str]]:
    """`command`, ended with its children; gives what it has written so far."""
    with file.open("w") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield file.read_text
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
