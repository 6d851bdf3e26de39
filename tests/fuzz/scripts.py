"""Draws what a hostile peer does over one connection: its script.

A script depends on its random numbers alone, so that the same seed gives the same scripts.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import msgpack

from stats_gateway.wire.decoding import RetiredEvent
from stats_gateway.wire.services import Service
from tests.fuzz.inputs import stream_of
from tests.support.programs import ROOT
from tests.support.snapshots import Fields, connection, connection_snapshot, miner, miner_snapshot
from tests.support.strategies import GOOD

GOOD_SOURCE = "good"
"""The source of the sender beside the crowd. No peer says exactly this name."""

NAMES: tuple[object, ...] = (
    *("farm-a", "farm-b", "Farm-a", "farm-a ", "farm-a\u200b", "\u202efarm-a", "f\u0430rm-a"),
    *("Good", "good ", " good", "good\u200b", "good\0", "good\n", "good#2", "矿机", "x" * 300, ""),
    *("127.0.0.1", "127.0.0.2", "127.0.0.2#2", "127.0.0.3#9", "::1", "::ffff:127.0.0.2", "#"),
    *('a"b', "a\\b", "} %b", "# EOF", None, 7, ["farm-a"]),
)
"""Names that collide within the crowd, look like addresses or like the good one, or are wrong."""

INTERVALS: tuple[object, ...] = (None, 1.0, 0.001, 10, -1, 1e300, float("nan"), "1")
ROWS = (0, 1, 1, 2, 3, 3, 8, 8, 40, 300)
"""How many rows a snapshot has: 300 are decoded off the event loop."""

ODD: tuple[object, ...] = (
    *(0, -1, 2**63, 2**64 - 1, 1e308, float("inf"), float("nan"), None, True, "", "\ud800", "\0\n"),
    *('"} 1', "x" * 2000, [], [[]] * 500, {}, list(range(2000)), {"a": {"b": []}}),
)
"""Values that a field may have, most of which no field should have."""

MESSAGE_BYTES = 4 << 20
"""The longest message that the services of these dialogues allow."""

LENGTHS = (2**32 - 1, 2**31, MESSAGE_BYTES + 1, MESSAGE_BYTES, MESSAGE_BYTES // 2, 70_000, 0)
CORPUS = [
    stream_of(path.read_bytes())
    for path in sorted((ROOT / "tests" / "fuzz" / "corpus" / "ingest").iterdir())
]
MOST_STEPS = 12


@dataclass(frozen=True, slots=True)
class Say:
    """Bytes to send."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """So many bytes to read, as far as there are any."""

    count: int


class End(Enum):
    """The end of a connection."""

    CLOSE = auto()
    RESET = auto()
    HALF_CLOSE = auto()
    """No more is sent, and everything is read until the service closes too."""


Step = Say | Wait | Read
Draw = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Script:
    """What a peer does over one connection."""

    steps: tuple[Step, ...]
    end: End
    reads_slowly: bool
    """Whether its socket takes next to nothing before the service has to wait."""


def draw_script(rng: random.Random, service: Service) -> Script:
    """A script for a peer of `service`."""
    peer = _Peer(rng, service)
    steps: list[Step] = []
    if rng.random() < 0.6:
        steps += [Say(peer.hello()), Read(1000)]
    for _ in range(rng.randint(0, MOST_STEPS)):
        steps.append(Say(peer.anything()))
        if rng.random() < 0.5:
            steps.append(Wait(rng.random() * 0.3))
        if rng.random() < 0.2:
            steps.append(Read(rng.choice((1, 1000))))
    if rng.random() < 0.05:
        steps.append(Wait(5.0))
    return Script(tuple(steps), rng.choice(list(End)), reads_slowly=rng.random() < 0.2)


class _Peer:
    """Draws the bytes that one peer says, nearly always in the one encoding it has chosen."""

    def __init__(self, rng: random.Random, service: Service) -> None:
        self._rng = rng
        self._service = service
        self._speaks_frames = rng.random() < 0.6
        self._kinds: dict[Draw, int] = {
            self.snapshot: 30,
            self.hello: 5,
            self.good_message: 10,
            self.wrong_service: 4,
            self.retired_events: 6,
            self.blank_lines: 4,
            self.mutated: 20,
            self.cut: 4,
            self.odd_length: 3,
            self.odd_values: 12,
            self.unknown_keys: 3,
            self.noise: 3,
        }

    def anything(self) -> bytes:
        """Any of what follows, the usual more often."""
        (kind,) = self._rng.choices(list(self._kinds), list(self._kinds.values()))
        return kind()

    def hello(self) -> bytes:
        fields: Fields = {
            "source": self._rng.choice(NAMES),
            "interval": self._rng.choice(INTERVALS),
            "token": self._rng.choice((None, "guess", 1)),
        }
        return self._written({"Hello": fields})

    def snapshot(self) -> bytes:
        return self._written(self._any_snapshot(self._service))

    def wrong_service(self) -> bytes:
        other = Service.POOL if self._service is Service.PROXY else Service.PROXY
        return self._written(self._any_snapshot(other))

    def good_message(self) -> bytes:
        return self._written(self._rng.choice(GOOD[self._service]))

    def retired_events(self) -> bytes:
        event = self._written({self._rng.choice(list(RetiredEvent)).value: {}})
        return event * self._rng.choice((1, 20, 500))

    def blank_lines(self) -> bytes:
        return self._rng.choice((b"\n", b"\r\n", b" \n")) * self._rng.choice((1, 100, 30_000))

    def mutated(self) -> bytes:
        data = bytearray(self._rng.choice(CORPUS))
        for _ in range(self._rng.randint(0, 6)):
            place = self._rng.randint(0, len(data))
            taken = self._rng.randint(0, 3)
            data[place : place + taken] = self._rng.randbytes(self._rng.randint(0, 4))
        return bytes(data)

    def cut(self) -> bytes:
        data = self.snapshot()
        return data[: self._rng.randrange(len(data))]

    def odd_length(self) -> bytes:
        length: int = self._rng.choice(LENGTHS)
        return length.to_bytes(4, "big") + bytes(self._rng.choice((0, 10, 20_000, 1_000_000)))

    def odd_values(self) -> bytes:
        """A good message, one field of which, or of whose last row, has an odd value."""
        message = json.loads(json.dumps(self._rng.choice(GOOD[self._service])))
        place = message
        while True:
            key = self._rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if (
                not place[key]
                or not isinstance(place[key], dict | list)
                or self._rng.random() < 0.1
            ):
                place[key] = self._rng.choice(ODD)
                return self._written(message)
            place = place[key]

    def unknown_keys(self) -> bytes:
        return self._written({f"{key:x}": [] for key in range(self._rng.choice((3, 3000)))})

    def noise(self) -> bytes:
        return self._rng.randbytes(self._rng.choice((1, 4, 100, 5000)))

    def _any_snapshot(self, service: Service) -> Fields:
        ids = list(range(self._rng.choice(ROWS)))
        if self._rng.random() < 0.05:
            ids += ids[:1]
        rate = self._rng.random() * 1e15
        if service is Service.PROXY:
            return miner_snapshot(*(miner(one, hashrate=rate) for one in ids))
        return connection_snapshot(*(connection(one, hashrate=rate) for one in ids))

    def _written(self, message: Fields) -> bytes:
        if self._speaks_frames ^ (self._rng.random() < 0.02):
            payload: bytes = msgpack.packb(message, unicode_errors="surrogatepass")
            return len(payload).to_bytes(4, "big") + payload
        return json.dumps(message).encode() + b"\n"
