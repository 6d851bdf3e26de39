"""Tables for people."""

from collections.abc import Iterator, Sequence

from benchmarks.bounds import MIB, ONE_SOURCE_MINERS, Bound
from benchmarks.common.cost import Spread
from benchmarks.services.crowd import CrowdFigures
from benchmarks.cycles.cycle import CycleFigures
from benchmarks.alternatives.peers import PeerFigures
from benchmarks.common.programs import Memory
from benchmarks.alternatives.pushgateway import PushFigures
from benchmarks.results import Results
from benchmarks.services.service import PARALLEL, FleetFigures, ServiceFigures
from benchmarks.services.stalls import StallFigures

Rows = Sequence[Sequence[str]]

TOLERABLE_THEFT = 0.01
"""Taken in slices of tens of milliseconds, more than this is in the longest stall for sure."""


def report(results: Results, bounds: Sequence[Bound]) -> Iterator[str]:
    """The tables, in order."""
    machine = results.machine
    yield (
        f"Python {machine.python}, {machine.cores} cores, {machine.processor}; "
        f"load {machine.load[0]:.1f} before, {machine.load[1]:.1f} after; "
        f"{results.seconds:.0f} s.\n"
    )
    yield table("One cycle: CPU ms (medians)", _cycle_rows(results.cycles))
    yield table(f"The service, {results.service.miners:,} miners", _service_rows(results.service))
    yield table(
        f"Waiting during cycles, {results.stalls.miners:,} miners: ms", _stall_rows(results.stalls)
    )
    yield table("Many small senders", _crowd_rows(results.crowd))
    peers = (results.gauges, results.collector)
    yield table("prometheus-client doing the same (medians)", _peer_rows(peers))
    if results.pushgateway is not None:
        yield table("Pushgateway with the same series: wall ms", _push_rows(results.pushgateway))
    if results.fleet is not None:
        yield table("Several large sources", _fleet_rows(results.fleet))
    yield table("Bounds", _bound_rows(bounds))
    if machine.stolen > TOLERABLE_THEFT:
        yield (
            f"The host kept {machine.stolen:.0%} of the processor time that this run wanted. Wall "
            "times and stalls include that: run it again when the host is quiet.\n"
        )
    if results.service.miners < ONE_SOURCE_MINERS:
        yield f"The bounds are meant for {ONE_SOURCE_MINERS:,} miners: this run is a hint.\n"


def table(title: str, rows: Rows) -> str:
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


def _cycle_rows(cycles: Sequence[CycleFigures]) -> Rows:
    stages = list(cycles[0].stages)
    header = ("miners", "cycle", *stages, "CPU", "wall", "CPU us/miner", "wire MiB", "text", "gzip")
    return [
        header,
        *(
            (
                f"{one.miners:,}",
                one.name,
                *(_ms(cost.cpu) for cost in one.stages.values()),
                _ms(one.total.cpu),
                _ms(one.total.wall),
                f"{one.total.cpu / one.miners * 1e6:.2f}",
                *map(_mib, (one.wire_bytes, one.text_bytes, one.gzip_bytes)),
            )
            for one in cycles
        ),
    ]


def _service_rows(figures: ServiceFigures) -> Rows:
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


def _stall_rows(figures: StallFigures) -> Rows:
    def row(name: str, spread: Spread) -> Sequence[str]:
        return name, _ms(spread.p50), _ms(spread.p99), _ms(spread.max)

    return [
        ("", "p50", "p99", "max"),
        row("turn of the service's event loop, late by", figures.loop),
        row("the part of it that the service was computing", figures.busy),
        row("answer of /-/healthy", figures.answers),
        row("turn of another process, late by (the machine)", figures.machine),
    ]


def _crowd_rows(figures: CrowdFigures) -> Rows:
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


def _peer_rows(peers: Sequence[PeerFigures]) -> Rows:
    return [
        ("", "miners", "CPU ms", "ours", "CPU ratio", "wall ratio", "peak MiB", "ours"),
        *(
            (
                peer.name,
                f"{peer.miners:,}",
                *map(_ms, (peer.theirs.cpu, peer.ours.cpu)),
                f"{peer.cpu_ratio:.1f}x",
                f"{peer.wall_ratio:.1f}x",
                *map(_mib, (peer.theirs_memory.peak, peer.ours_memory.peak)),
            )
            for peer in peers
        ),
    ]


def _push_rows(figures: PushFigures) -> Rows:
    return [
        (f"{figures.miners:,} miners", "push", "scrape", "both", "ours", "ratio"),
        (
            "Pushgateway",
            *map(_ms, (figures.their_push, figures.their_scrape, figures.theirs, figures.ours)),
            f"{figures.ratio:.1f}x",
        ),
    ]


def _fleet_rows(figures: FleetFigures) -> Rows:
    return [
        (f"{figures.miners:,} miners over {figures.sources} sources", ""),
        ("last byte sent to visible, ms", _ms(figures.visible)),
        (f"scrape, gzip ({_mib(figures.scrape_bytes)} MiB), ms", _ms(figures.scrape)),
        ("memory, resident MiB", _mib(figures.memory.resident)),
        ("memory, peak MiB", _mib(figures.memory.peak)),
    ]


_VERDICTS = {True: "PASS", False: "FAIL", None: "not measured"}


def _bound_rows(bounds: Sequence[Bound]) -> Rows:
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
