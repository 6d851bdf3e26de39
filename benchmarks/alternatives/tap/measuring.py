"""Measures each way with the same miners, one after the other, and holds them side by side."""

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from statistics import median

from benchmarks.alternatives.tap.contestants import Open, Way, contestants
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

    The ways take turns, so that a noisy moment of the machine does not hit one of them alone.
    """
    miners = min(miners, _most_miners())
    found: dict[str, list[WayFigures]] = {name: [] for name in contestants()}
    for number in range(rounds):
        for name, open_ in contestants().items():
            random = Random(number)  # noqa: S311 - a benchmark
            found[name].append(_measure(name, open_, miners, seconds, random))
    return TapFigures(
        miners=miners, ways={name: _middle(figures) for name, figures in found.items()}
    )


def _most_miners() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (hard - SPARE_DESCRIPTORS) // 2


def _measure(name: str, open_: Open, miners: int, seconds: float, random: Random) -> WayFigures:
    with Crowd() as crowd, open_(crowd.address) as way:
        crowd.connect(way.address, 1)
        before = _resident(way)
        crowd.connect(way.address, miners - 1)
        for _ in range(2):  # memory and caches are warm
            crowd.broadcast()
        broadcasts = []
        for _ in range(BROADCASTS):
            time.sleep(PAUSE_SECONDS)
            broadcasts.append(crowd.broadcast())
        after = _resident(way)
        times, spent = _mine(crowd, way, seconds, random)
        return WayFigures(
            name=name,
            miners=miners,
            passed=spread(times),
            broadcast=median(broadcasts),
            cpu_share=None if way.process is None else spent / (miners / 1000),
            bytes_each=None if way.process is None else (after - before) / max(1, miners - 1),
        )


def _resident(way: Way) -> int:
    return 0 if way.process is None else way.process.memory.resident


def _mine(crowd: Crowd, way: Way, seconds: float, random: Random) -> tuple[list[float], float]:
    """Let every miner send a share every 10 s; the seconds that messages took, and CPU a second."""
    miners = len(crowd.miners)
    times: list[float] = []
    began, spent = time.monotonic(), _cpu(way)
    moment = began
    while moment < began + seconds:
        times += crowd.exchange(random.randrange(miners))
        moment += SHARE_SECONDS / miners
        time.sleep(max(0.0, moment - time.monotonic()))
    return times, (_cpu(way) - spent) / (time.monotonic() - began)


def _cpu(way: Way) -> float:
    return 0.0 if way.process is None else way.process.cpu_seconds


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
