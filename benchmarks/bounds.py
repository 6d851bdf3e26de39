"""What must hold, and whether it did."""

from dataclasses import dataclass

from benchmarks.results import Results

MIB = 1 << 20
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
    return [*_cycle_bounds(results), *_service_bounds(results)]


def _cycle_bounds(results: Results) -> list[Bound]:
    ratios, push = results.ratios, results.pushgateway
    return [
        Bound(
            figure="CPU time of prometheus-client's gauges, against a cycle's",
            at_least=50,
            unit="x",
            measured=results.gauges.cpu_ratio,
        ),
        Bound(
            figure="wall time of Pushgateway's push and scrape, against ours",
            at_least=20,
            unit="x",
            measured=None if push is None else push.ratio,
        ),
        Bound(
            figure=f"CPU time per miner, {ratios.largest:,} against {ratios.smallest:,} miners",
            at_most=1.3,
            unit="x",
            measured=ratios.per_miner,
        ),
        Bound(
            figure="CPU time of a cold cycle, against warm",
            at_most=4,
            unit="x",
            measured=ratios.cold,
        ),
        Bound(
            figure="CPU time of a cycle with 1 % new rows, against warm",
            at_most=1.5,
            unit="x",
            measured=ratios.churn,
        ),
    ]


def _service_bounds(results: Results) -> list[Bound]:
    service, fleet = results.service, results.fleet
    return [
        Bound(
            figure="further scrape of an unchanged snapshot",
            at_most=30,
            unit="ms",
            measured=service.gzip.further * 1e3,
        ),
        Bound(
            figure="resident memory",
            at_most=250,
            unit="MiB",
            measured=service.memory.resident / MIB,
        ),
        Bound(
            figure="longest stall of the event loop during a cycle, computing",
            at_most=50,
            unit="ms",
            measured=results.stalls.busy.max * 1e3,
        ),
        Bound(
            figure="resident memory with ten sources of 100,000 miners",
            at_most=2560,
            unit="MiB",
            measured=None if fleet is None else fleet.memory.resident / MIB,
        ),
    ]
