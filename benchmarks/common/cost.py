"""What something cost this process, and how such costs are summed up."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds."""

    cpu: float
    """Of all threads of the process."""
    wall: float

    def __add__(self, other: Self) -> Self:
        return type(self)(cpu=self.cpu + other.cpu, wall=self.wall + other.wall)


FREE = Cost(cpu=0.0, wall=0.0)


class Stopwatch:
    """Tells the cost since it was made, or last asked."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def lap(self) -> Cost:
        """The cost since the last lap."""
        cpu, wall = time.process_time(), time.perf_counter()
        cost = Cost(cpu=cpu - self._cpu, wall=wall - self._wall)
        self._cpu, self._wall = cpu, wall
        return cost


def median_cost(costs: Iterable[Cost]) -> Cost:
    """The median CPU time and the median wall time, each on its own."""
    known = list(costs)
    return Cost(cpu=median(cost.cpu for cost in known), wall=median(cost.wall for cost in known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a measurement is distributed."""

    p50: float
    p99: float
    max: float


def spread(values: Iterable[float]) -> Spread:
    """The spread of `values`, not empty."""
    ordered = sorted(values)
    return Spread(
        p50=ordered[len(ordered) // 2], p99=ordered[len(ordered) * 99 // 100], max=ordered[-1]
    )
