"""Puts what was measured into tables for people."""

from collections.abc import Iterator, Sequence

from benchmarks.alternatives.peers import PeerFigures
from benchmarks.alternatives.pushgateway import PushFigures
from benchmarks.alternatives.tap.table import tap_table
from benchmarks.bounds import MIB, ONE_SOURCE_MINERS, Bound
from benchmarks.common.cost import Spread
from benchmarks.common.programs import Memory
from benchmarks.cycles.cycle import CycleFigures, CycleRatios
from benchmarks.measure import Results
from benchmarks.services.crowd import CrowdFigures
from benchmarks.services.prometheus import PrometheusFigures
from benchmarks.services.service import PARALLEL, FleetFigures, ServiceFigures
from benchmarks.services.sri import SriFigures
from benchmarks.services.stalls import StallFigures

Table = Sequence[Sequence[str]]
"""The cells of a table, row by row; the first row is the header."""

TOLERABLE_THEFT = 0.01
"""Taken in slices of tens of milliseconds, more than this is in the longest stall for sure."""


def report(results: Results, bounds: Sequence[Bound]) -> Iterator[str]:
    """The tables, in order; none for what was not measured."""
    machine = results.machine
    if machine is not None:
        yield (
            f"Python {machine.python}, {machine.cores} cores, {machine.processor}; "
            f"load {machine.load[0]:.1f} before, {machine.load[1]:.1f} after; "
            f"{results.seconds:.0f} s.\n"
        )
    for title, rows in _tables(results, bounds):
        yield table(title, rows)
    if machine is not None and machine.stolen > TOLERABLE_THEFT:
        yield (
            f"The host kept {machine.stolen:.0%} of the processor time that this run wanted. Wall "
            "times and stalls include that: run it again when the host is quiet.\n"
        )
    if results.plan.service_miners < ONE_SOURCE_MINERS:
        yield f"The bounds are meant for {ONE_SOURCE_MINERS:,} miners: this run is a hint.\n"


def _tables(results: Results, bounds: Sequence[Bound]) -> Iterator[tuple[str, Table]]:
    if results.cycles:
        yield "One cycle: CPU ms (medians)", _cycle_table(results.cycles)
        yield "Cycles compared: ratios of CPU time", _ratio_table(results.ratios)
    yield from _service_tables(results)
    if results.peers:
        yield "prometheus-client doing the same (medians)", _peer_table(results.peers)
    if results.pushgateway:
        yield "Pushgateway with the same series: wall ms", _push_table(results.pushgateway)
    for tap in results.tap:
        title = f"Between {tap.miners:,} miners and a pool (medians): ms, CPU %, KiB a connection"
        yield title, tap_table(tap)
    yield "Bounds", _bound_table(bounds)


def _service_tables(results: Results) -> Iterator[tuple[str, Table]]:
    for service in results.service:
        title = f"The service, {service.miners:,} miners, {service.shape}"
        yield title, _service_table(service)
    for stalls in results.stalls:
        title = f"Waiting during cycles, {stalls.miners:,} miners, {stalls.shape}: ms"
        yield title, _stall_table(stalls)
    for crowd in results.crowd:
        yield "Many small senders", _crowd_table(crowd)
    if results.fleet:
        yield "Several large sources", _fleet_table(results.fleet)
    if results.rules or results.scale:
        yield "One Prometheus, every rule", _prometheus_table([*results.rules, *results.scale])
    if results.sri:
        yield "stats-feed sri: one poll", _sri_table(results.sri)


def table(title: str, rows: Table) -> str:
    """`rows`, the first of them the header, in columns: text to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join((title, "-" * len(title), *lines, ""))


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def _mib(count: float) -> str:
    return f"{count / MIB:.1f}"


def _cycle_table(cycles: Sequence[CycleFigures]) -> Table:
    stages, least = list(cycles[0].stages), list(cycles[0].unavoidable)
    header = ("miners", "shape", "cycle", *stages, "CPU", "us/miner", *least, "wire MiB", "text")
    return [
        header,
        *(
            (
                f"{one.miners:,}",
                one.shape,
                one.change,
                *(_ms(cost.cpu) for cost in one.stages.values()),
                _ms(one.total.cpu),
                f"{one.total.cpu / one.miners * 1e6:.2f}",
                *(_ms(cost.cpu) for cost in one.unavoidable.values()),
                *map(_mib, (one.wire_bytes, one.text_bytes)),
            )
            for one in cycles
        ),
    ]


def _ratio_table(ratios: Sequence[CycleRatios]) -> Table:
    return [
        ("shape", "to the unavoidable", "per miner, many to few", "churn to warm", "cold to warm"),
        *(
            (
                one.shape,
                *(f"{x:.2f}" for x in (one.unavoidable, one.per_miner, one.churn, one.cold)),
            )
            for one in ratios
        ),
    ]


def _service_table(figures: ServiceFigures) -> Table:
    gzip, identity = figures.gzip, figures.identity
    return [
        ("", "ms", "CPU ms"),
        ("last byte sent to visible on /metrics", _ms(figures.visible), _ms(figures.cycle_cpu)),
        ("the same by its own histogram, mean", _ms(figures.applied_mean), ""),
        ("first scrape, gzip", _ms(gzip.first), ""),
        (
            f"further scrape, gzip ({_mib(gzip.bytes)} MiB)",
            *map(_ms, (gzip.further, gzip.further_cpu)),
        ),
        ("first scrape, identity", _ms(identity.first), ""),
        (
            f"further scrape, identity ({_mib(identity.bytes)} MiB)",
            *map(_ms, (identity.further, identity.further_cpu)),
        ),
        (f"{PARALLEL} scrapes at once, gzip", _ms(figures.parallel), _ms(figures.parallel_cpu)),
        (f"memory after {figures.memory_cycles} cycles, MiB", *_memory(figures.memory)),
        ("memory with identity scrapes, too, MiB", *_memory(figures.memory_identity)),
    ]


def _memory(memory: Memory) -> tuple[str, str]:
    return f"resident {_mib(memory.resident)}", f"peak {_mib(memory.peak)}"


def _stall_table(figures: StallFigures) -> Table:
    def row(name: str, spread: Spread) -> Sequence[str]:
        return name, _ms(spread.p50), _ms(spread.p99), _ms(spread.max)

    return [
        ("", "p50", "p99", "max"),
        row("turn of the service's event loop, late by", figures.loop),
        row("the part of it that the service was computing", figures.busy),
        row("answer of /-/healthy", figures.answers),
        row("turn of another process, late by (the machine)", figures.machine),
    ]


def _crowd_table(figures: CrowdFigures) -> Table:
    return [
        (f"{figures.senders:,} senders of {figures.miners:,}, every {figures.interval:g} s", ""),
        ("share of one core", f"{figures.cpu_share:.0%}"),
        ("snapshots measured", f"{figures.snapshots:,}"),
        ("messages refused", f"{figures.refused:,}"),
        ("received to visible, mean ms", _ms(figures.applied_mean)),
        ("received to visible, p99 at most ms", _ms(figures.applied_p99)),
        ("scrape, slowest ms", _ms(figures.scrape)),
        ("memory, resident MiB", _mib(figures.memory.resident)),
    ]


def _peer_table(peers: Sequence[PeerFigures]) -> Table:
    return [
        ("", "shape", "miners", "CPU ms", "ours", "CPU ratio", "wall ratio", "peak MiB", "ours"),
        *(
            (
                peer.name,
                peer.shape,
                f"{peer.miners:,}",
                *map(_ms, (peer.theirs.cpu, peer.ours.cpu)),
                f"{peer.cpu_ratio:.1f}x",
                f"{peer.wall_ratio:.1f}x",
                *map(_mib, (peer.theirs_memory.peak, peer.ours_memory.peak)),
            )
            for peer in peers
        ),
    ]


def _push_table(figures: Sequence[PushFigures]) -> Table:
    return [
        ("shape", "miners", "push", "scrape", "both", "ours", "ratio"),
        *(
            (
                one.shape,
                f"{one.miners:,}",
                *map(_ms, (one.their_push, one.their_scrape, one.theirs, one.ours)),
                f"{one.ratio:.1f}x",
            )
            for one in figures
        ),
    ]


def _fleet_table(figures: Sequence[FleetFigures]) -> Table:
    return [
        ("shape", "miners", "sources", "visible ms", "scrape ms", "gzip MiB", "RSS MiB", "peak"),
        *(
            (
                one.shape,
                f"{one.miners:,}",
                str(one.sources),
                *map(_ms, (one.visible, one.scrape)),
                *map(_mib, (one.scrape_bytes, one.memory.resident, one.memory.peak)),
            )
            for one in figures
        ),
    ]


def _prometheus_table(figures: Sequence[PrometheusFigures]) -> Table:
    header = ("shape", "miners", "services", "every s", "past", "samples", "series", "scrape s")
    return [
        (*header, "CPU", "rules", "late", "failed", "RSS MiB", "peak"),
        *(
            (
                one.scrapes.shape,
                f"{one.scrapes.services * one.scrapes.miners:,}",
                str(one.scrapes.services),
                str(one.scrapes.every),
                "yes" if one.scrapes.past else "no",
                *(f"{count:,}" for count in (one.samples, one.series)),
                f"{one.scrape:.1f}",
                *(f"{share:.1%}" for share in (one.cpu_share, one.rules)),
                *map(str, (one.rules_missed, one.failed)),
                *map(_mib, (one.memory.resident, one.memory.peak)),
            )
            for one in figures
        ),
    ]


def _sri_table(figures: Sequence[SriFigures]) -> Table:
    return [
        ("reads a", "clients", "requests", "CPU ms", "RSS MiB", "peak"),
        *(
            (
                one.kind,
                f"{one.clients:,}",
                str(one.requests),
                _ms(one.cpu),
                *map(_mib, (one.memory.resident, one.memory.peak)),
            )
            for one in figures
        ),
    ]


_VERDICTS = {True: "PASS", False: "FAIL", None: "not measured"}


def _bound_table(bounds: Sequence[Bound]) -> Table:
    return [
        ("figure", "bound", "measured", ""),
        *(
            (
                bound.figure,
                f">= {bound.at_least:g} {bound.unit}"
                if bound.at_least is not None
                else f"<= {bound.at_most:g} {bound.unit}",
                "" if bound.measured is None else f"{bound.measured:.2f} {bound.unit}",
                _VERDICTS[bound.holds],
            )
            for bound in bounds
        ),
    ]
