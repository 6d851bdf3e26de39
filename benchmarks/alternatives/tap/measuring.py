"""Measures each way with the same miners, at the same time, and holds them side by side."""

import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from statistics import median

from benchmarks.alternatives.tap.contestants import Way, contestants
from benchmarks.alternatives.tap.crowd import Crowd
from benchmarks.common.cost import Spread, spread

SHARE_SECONDS = 10.0
"""Between two shares of one miner, as pools aim at."""

BROADCASTS = 9
PAUSE_SECONDS = 0.3
"""Between two of them, so that what the tap does later for one is done before the next. Pools leave
half a minute."""

SPARE_DESCRIPTORS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """One way, in seconds and bytes; None where nothing is in between."""

    name: str
    miners: int
    passed: Spread
    """From the writing of a share or an answer to its arrival."""
    broadcast: float
    """Until the last miner has a job; the median."""
    cpu_share: float | None
    """Seconds of CPU time for a second of 1,000 miners, with a share every 10 s of each."""
    bytes_each: float | None
    """Of memory, for each connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapFigures:
    """All ways with one number of miners."""

    miners: int
    ways: Mapping[str, WayFigures]

    def added(self, name: str, quantile: str) -> float:
        """Seconds that a way adds to a direct connection at `p50` or `p99`."""
        passed: float = getattr(self.ways[name].passed, quantile)
        base: float = getattr(self.ways["direct"].passed, quantile)
        return passed - base

    def ratio(self, quantile: str) -> float | None:
        """What the tap adds, against what HAProxy adds; None where HAProxy is not here,
        or where the machine is too noisy to see what it adds."""
        if "haproxy" not in self.ways or self.added("haproxy", quantile) <= 0:
            return None
        return self.added("tap", quantile) / self.added("haproxy", quantile)

    @property
    def broadcast_ratio(self) -> float | None:
        """The tap's time for a job, against HAProxy's."""
        if "haproxy" not in self.ways:
            return None
        return self.ways["tap"].broadcast / self.ways["haproxy"].broadcast


def measure_tap(miners: int, rounds: int, seconds: float) -> TapFigures:
    """Measure every way with `miners`, or with as many as this machine's descriptors allow.

    Where the descriptors allow that too, all ways are there at the same time, and the next share
    takes another one: whatever else the machine does hits each of them alike.
    """
    names = list(contestants())
    miners, together = _as_many(miners, len(names))
    groups = [names] if together else [[name] for name in names]
    found: dict[str, list[WayFigures]] = {name: [] for name in names}
    for number in range(rounds):
        for group in groups:
            random = Random(number)  # noqa: S311 - a benchmark
            for figures in _measure(group, miners, seconds, random):
                found[figures.name].append(figures)
    return TapFigures(
        miners=miners, ways={name: _middle(figures) for name, figures in found.items()}
    )


def _as_many(miners: int, ways: int) -> tuple[int, bool]:
    """How many miners there may be, and whether there may be so many for each way at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = (hard - SPARE_DESCRIPTORS) // 2  # both ends are here
    return min(miners, most), miners * ways <= most


@dataclass(slots=True)
class _Run:
    """One way with its miners, and what has been measured of it so far."""

    name: str
    crowd: Crowd
    way: Way
    before: int = 0
    """Bytes of memory with one connection."""
    memory: int = 0
    """What all others have added to that."""
    times: list[float] = field(default_factory=list)
    broadcasts: list[float] = field(default_factory=list)
    cpu: float = 0.0
    """Seconds of CPU time for a second."""

    @property
    def spent(self) -> float:
        """Seconds of CPU time so far."""
        return 0.0 if self.way.process is None else self.way.process.cpu_seconds

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return 0 if self.way.process is None else self.way.process.memory.resident

    def broadcast(self) -> None:
        """Measure some jobs to all miners, and the memory that the connections take with them."""
        for _ in range(2):  # memory and caches are warm
            self.crowd.broadcast()
        for _ in range(BROADCASTS):
            time.sleep(PAUSE_SECONDS)
            self.broadcasts.append(self.crowd.broadcast())
        self.memory = self.resident - self.before

    def figures(self) -> WayFigures:
        """What has been measured."""
        miners, has_process = len(self.crowd.miners), self.way.process is not None
        return WayFigures(
            name=self.name,
            miners=miners,
            passed=spread(self.times),
            broadcast=median(self.broadcasts),
            cpu_share=self.cpu / (miners / 1000) if has_process else None,
            bytes_each=self.memory / max(1, miners - 1) if has_process else None,
        )


def _measure(names: Sequence[str], miners: int, seconds: float, random: Random) -> list[WayFigures]:
    with ExitStack() as stack:
        runs = [stack.enter_context(_running(name, miners)) for name in names]
        for run in runs:
            run.broadcast()
        _mine(runs, miners, seconds, random)
        return [run.figures() for run in runs]


@contextmanager
def _running(name: str, miners: int) -> Iterator[_Run]:
    with Crowd() as crowd, contestants()[name](crowd.address) as way:
        crowd.connect(way.address, 1)
        run = _Run(name, crowd, way)
        run.before = run.resident
        crowd.connect(way.address, miners - 1)
        yield run


def _mine(runs: Sequence[_Run], miners: int, seconds: float, random: Random) -> None:
    """Let every miner send a share every 10 s on average, at any moment, as miners do."""
    began, spent = time.monotonic(), [run.spent for run in runs]
    shares_a_second = len(runs) * miners / SHARE_SECONDS
    moment = began
    while moment < began + seconds:
        for run in random.sample(runs, len(runs)):
            run.times += run.crowd.exchange(random.randrange(miners))
            moment += random.expovariate(shares_a_second)
            time.sleep(max(0.0, moment - time.monotonic()))
    for run, before in zip(runs, spent, strict=True):
        run.cpu = (run.spent - before) / (time.monotonic() - began)


def _middle(rounds: list[WayFigures]) -> WayFigures:
    """The medians of the rounds, each on its own."""
    cpu = [one.cpu_share for one in rounds if one.cpu_share is not None]
    each = [one.bytes_each for one in rounds if one.bytes_each is not None]
    return WayFigures(
        name=rounds[0].name,
        miners=rounds[0].miners,
        passed=Spread(
            p50=median(one.passed.p50 for one in rounds),
            p99=median(one.passed.p99 for one in rounds),
            max=median(one.passed.max for one in rounds),
        ),
        broadcast=median(one.broadcast for one in rounds),
        cpu_share=median(cpu) if cpu else None,
        bytes_each=median(each) if each else None,
    )
