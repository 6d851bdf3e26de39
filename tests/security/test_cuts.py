"""Fifty accidents in a row: after each, what is shown is the sender's truth again."""

import random
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest

from tests.e2e.harness.link import Link
from tests.e2e.harness.rows import NOON
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Service
from tests.e2e.harness.watch import Watch
from tests.e2e.harness.wire import frame
from tests.security.peers import Peer, connected, hello
from tests.security.truth import Truth, Whole
from tests.support.until import until

pytestmark = pytest.mark.slow

SOURCE = "translator"
SEED = 20_241_101
ACCIDENTS_IN_A_LIFE = 10
INTERVAL_SECONDS = 10.0
"""The interval of a sender that is not told another.

Within it the truth must be shown again, from when the sender could tell it.
"""

DAY = 86_400


class Alone(Whole):
    """Holds every scrape against the truth of the only sender, which is seen as one source."""

    def __call__(self, scrape: Scrape) -> None:
        super().__call__(scrape)
        assert not scrape.rows_shown_twice()
        assert len(scrape.sources()) <= 1


class Sender:
    """Tells the truth over a link, and meets with accidents."""

    def __init__(self, rng: random.Random, truth: Truth) -> None:
        self._rng = rng
        self._truth = truth
        self._stack = ExitStack()
        self._peer: Peer
        self.link: Link

    def connect(self, link: Link) -> None:
        """Come back over `link`, and tell."""
        self._stack.close()
        self.link = link
        self._peer = self._stack.enter_context(connected(link.port))
        assert "Welcome" in self._peer.ask(hello(SOURCE))
        self.tell()

    def tell(self) -> None:
        """A new generation."""
        self._peer.say(self._truth.next(self._rng))

    def close(self) -> None:
        """End without an accident."""
        self._stack.close()

    def killed_in_mid_frame(self) -> None:
        """Part of a snapshot arrives, then a reset."""
        data = frame(self._truth.next(self._rng))
        self._peer.socket.sendall(data[: self._rng.randrange(1, len(data))])
        self._peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connect(self.link)

    def connection_reset(self) -> None:
        """By something in between."""
        self.link.reset()
        self.connect(self.link)

    def half_open(self) -> None:
        """The service never hears that the connection ended."""
        self.link.forget_senders()
        self.connect(self.link)

    def link_silent(self) -> None:
        """A snapshot gets stuck on the way, and its connection with it."""
        self.link.cut()
        self.tell()
        self.link.reset()
        self.link.heal()
        self.connect(self.link)

    def clock_a_day_off(self) -> None:
        """Either way, from one snapshot to the next."""
        self._truth.clock = NOON + self._rng.choice((-DAY, 0, DAY))
        self.tell()


SENDERS_ACCIDENTS: tuple[Callable[[Sender], None], ...] = (
    Sender.killed_in_mid_frame,
    Sender.connection_reset,
    Sender.half_open,
    Sender.link_silent,
    Sender.clock_a_day_off,
)


def happens(truth: Truth, whole: Whole, accident: Callable[[], None]) -> None:
    """`accident`, and the truth is shown again within an interval."""
    accident()
    newest = truth.generation
    until(lambda: whole.generation == newest, INTERVAL_SECONDS, f"generation {newest}")


def one_life(service: Service, accidents: int, rng: random.Random, truth: Truth) -> None:
    """A service from start to kill, and what its sender meets with meanwhile."""
    whole = Alone(truth, SOURCE)
    sender = Sender(rng, truth)
    with Link(service.ingest) as link, Watch(service, whole):
        happens(truth, whole, partial(sender.connect, link))
        for _ in range(accidents):
            happens(truth, whole, partial(rng.choice(SENDERS_ACCIDENTS), sender))
        sender.close()


def accidents(seed: int, lives: int) -> int:
    """What befalls a sender in so many lives of its service, ten accidents in each.

    Gives how often the truth was told.
    """
    rng = random.Random(seed)
    truth = Truth()
    ports = {"ingest": 0, "web": 0}
    for _ in range(lives):
        with Service("proxy", **ports) as service:
            ports = {"ingest": service.ingest, "web": service.web}
            one_life(service, ACCIDENTS_IN_A_LIFE - 1, rng, truth)
            assert not service.errors()
            # The tenth: it is killed, and its sender finds another in its place.
            service.kill()
    return truth.generation


def test_after_every_accident_the_truth_is_shown_again_and_never_half_of_it() -> None:
    assert accidents(SEED, lives=5) >= 50
