"""A sender in a network namespace of its own, over a link that loses packets and falls silent."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch, no_row_twice
from tests.support.programs import ROOT, program

pytestmark = pytest.mark.slow

MINERS = 40
INTERVAL_SECONDS = 0.5
OURS = "198.18.231.1"
THEIRS = "198.18.231.2"
"""Of the network that is set aside for tests of networks (RFC 2544)."""

FLAPS = 15

MAY_NOT = "needs network namespaces: run 'sudo make test', in a container with --privileged"


@dataclass(frozen=True)
class Cable:
    """The sender's end of the link, in its namespace."""

    namespace: str
    device: str

    def pull(self) -> None:
        """Every packet is lost from now on, and nobody is told."""
        ip("-n", self.namespace, "link", "set", self.device, "down")

    def plug(self) -> None:
        """Packets pass again."""
        ip("-n", self.namespace, "link", "set", self.device, "up")


def ip(*arguments: str) -> None:
    """iproute2. Raises CalledProcessError."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def cable() -> Iterator[Cable]:
    """A namespace with a link to this one, for as long as the test runs."""
    program("ip")
    namespace, ours, theirs = (f"{name}{os.getpid()}" for name in ("stats", "sa", "sb"))
    try:
        ip("netns", "add", namespace)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{MAY_NOT}: {error.stderr.strip()}")
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", namespace)
        ip("address", "add", f"{OURS}/30", "dev", ours)
        ip("link", "set", ours, "up")
        ip("-n", namespace, "address", "add", f"{THEIRS}/30", "dev", theirs)
        ip("-n", namespace, "link", "set", theirs, "up")
        yield Cable(namespace, theirs)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{MAY_NOT}: {error.stderr.strip()}")
    finally:
        subprocess.run(["ip", "link", "delete", ours], check=False, capture_output=True)
        ip("netns", "delete", namespace)


@contextmanager
def fleet(cable: Cable, port: int) -> Iterator[None]:
    """A simulated translator in the namespace."""
    command = [
        *("ip", "netns", "exec", cable.namespace, sys.executable, "-m", "stats_feed", "simulate"),
        *(f"--proxy={OURS}:{port}", "--pool=none", f"--miners={MINERS}", "--scenario=calm"),
        *(f"--interval={INTERVAL_SECONDS}", "--seed=1"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def is_whole(scrape: Scrape) -> None:
    """All miners or none, each once."""
    no_row_twice(scrape)
    assert len(scrape.names()) in {0, MINERS}


def test_loss_and_silence_between_namespaces_heal_by_themselves(cable: Cable) -> None:
    listen = f"--ingest.listen-address={OURS}:0"
    with Service("proxy", listen) as service, fleet(cable, service.ingest):
        service.scrape_until(lambda scrape: len(scrape.names()) == MINERS)
        with Watch(service, is_whole):
            for _ in range(FLAPS):
                cable.pull()
                time.sleep(0.1)  # what is sent meanwhile is lost
                cable.plug()
                time.sleep(0.2)
            service.scrape_until(lambda scrape: len(scrape.names()) == MINERS)
            cable.pull()
            silent = service.scrape_until(lambda scrape: not scrape.names())
            assert set(silent.sources().values()) == {False}
            cable.plug()
            healed = service.scrape_until(lambda scrape: len(scrape.names()) == MINERS, 60)
            assert list(healed.sources().values()) == [True]
        assert not service.errors()
        assert service.get("/health").status == 200
