"""The bounds that must hold for the worst shape of a snapshot, and whether they did."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.measure import Results

MIB = 1 << 20
SRI_MIB = 96
"""For a feed that reads 5,000 clients: a Python process takes 25 MiB, and each client about 8 KiB
for the answers, what was read before, and the snapshot that is on its way."""

ONE_SOURCE_MINERS = 100_000
"""What the bounds are stated for; at fewer miners they are a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One figure, its bound and what was measured; None where it was not."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str
    measured: float | None

    @property
    def holds(self) -> bool | None:
        """None where nothing was measured."""
        if self.measured is None:
            return None
        low = self.at_least is None or self.measured >= self.at_least
        return low and (self.at_most is None or self.measured <= self.at_most)


def bounds(results: Results) -> list[Bound]:
    """Every bound."""
    return [
        *_cycle_bounds(results),
        *_service_bounds(results),
        *_rule_bounds(results),
        *_sri_bounds(results),
        *_tap_bounds(results),
    ]


def _at_least(figure: str, bound: float, unit: str, measured: Iterable[float]) -> Bound:
    worst = min(measured, default=None)
    return Bound(figure=figure, at_least=bound, unit=unit, measured=worst)


def _at_most(figure: str, bound: float, unit: str, measured: Iterable[float]) -> Bound:
    worst = max(measured, default=None)
    return Bound(figure=figure, at_most=bound, unit=unit, measured=worst)


def _cycle_bounds(results: Results) -> list[Bound]:
    ratios = results.ratios
    gauges = [one.cpu_ratio for one in results.peers if one.name == "gauges"]
    return [
        _at_least("CPU time of prometheus-client's gauges, against a cycle's", 70, "x", gauges),
        _at_least(
            "wall time of Pushgateway's push and scrape, against ours",
            20,
            "x",
            (one.ratio for one in results.pushgateway),
        ),
        _at_most(
            "CPU time of a cycle, against what cannot be avoided",
            1.5,
            "x",
            (one.unavoidable for one in ratios),
        ),
        _at_most(
            "CPU time per miner, many against few miners",
            1.3,
            "x",
            (one.per_miner for one in ratios),
        ),
        _at_most(
            "CPU time of a cycle with 1 % new rows, against warm",
            2,
            "x",
            (one.churn for one in ratios),
        ),
    ]


def _service_bounds(results: Results) -> list[Bound]:
    service, fleet = results.service, results.fleet
    return [
        _at_most(
            "further scrape of an unchanged snapshot",
            30,
            "ms",
            (one.gzip.further * 1e3 for one in service),
        ),
        _at_most("resident memory", 250, "MiB", (one.memory.resident / MIB for one in service)),
        _at_most(
            "longest stall of the event loop during a cycle, computing",
            50,
            "ms",
            (one.busy.max * 1e3 for one in results.stalls),
        ),
        _at_most(
            "resident memory with ten sources of 100,000 miners",
            1024,
            "MiB",
            (one.memory.resident / MIB for one in fleet),
        ),
    ]


def _rule_bounds(results: Results) -> list[Bound]:
    shares = (one.rules * 100 for one in results.rules)
    return [_at_most("rules at 10,000 miners, of one core", 5, "%", shares)]


def _sri_bounds(results: Results) -> list[Bound]:
    polls = results.sri
    return [
        _at_most("CPU time of a poll by stats-feed sri", 1, "s", (one.cpu for one in polls)),
        _at_most(
            "resident memory of stats-feed sri",
            SRI_MIB,
            "MiB",
            (one.memory.resident / MIB for one in polls),
        ),
    ]


def _tap_bounds(results: Results) -> list[Bound]:
    """Stated for the first number of miners, and open where HAProxy is not here."""
    first = results.tap[:1]
    ratios = {
        "time that the tap adds, p50, against HAProxy's": [one.ratio("p50") for one in first],
        "time that the tap adds, p99, against HAProxy's": [one.ratio("p99") for one in first],
        "a job to all miners through the tap, against HAProxy": [
            one.broadcast_ratio for one in first
        ],
    }
    return [
        _at_most(figure, 2, "x", [one for one in measured if one is not None])
        for figure, measured in ratios.items()
    ]
