"""Measures one cycle, stage by stage, on one thread and without sockets.

From a snapshot's bytes to a compressed body that is ready to be scraped, through the same functions
the service calls.
"""

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.common.cost import FREE, Cost, Stopwatch, median_cost
from benchmarks.common.fleet import Change, Shape, messages
from benchmarks.cycles.unavoidable import Unavoidable
from exporters.exposition.body import EVERYTHING, assemble
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import EMPTY, inflate
from exporters.exposition.render import Renderer
from exporters.exposition.text_format import Format
from stats_gateway.clock import read_clock
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.server.connection import READ_BYTES
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.framing import framing_for
from stats_gateway.wire.services import Service

CONNECTION = 1
STEADY_MINERS = 20_000
"""Small sizes are run this many miners' worth of cycles each round: one alone is too short."""


class Cycle:
    """A service's pipeline, for one sender."""

    def __init__(self, encoding: Encoding = Encoding.FRAMES) -> None:
        self._intake = Intake(Store(Service.PROXY, Limits()), Limits())
        self._peer = self._intake.connect(CONNECTION, "127.0.0.1")
        self._encoding = encoding
        self._renderer = Renderer(LAYOUT, None)
        self.body = EMPTY
        """What a scrape would get now."""

    def run(self, data: bytes) -> Mapping[str, Cost]:
        """Take in one whole message; the cost of each stage, in order."""
        watch = Stopwatch()
        payload = unframe(data)
        framing = watch.lap()
        now = read_clock()
        reading = self._intake.read(payload, self._encoding, self._peer, now)
        read = watch.lap()
        self._intake.accept(reading, self._peer, now)
        replace = watch.lap()
        exposition = self._renderer.render(self._intake.store.view)
        render = watch.lap()
        self.body = assemble(exposition, EVERYTHING, Format.TEXT)
        return {
            "framing": framing,
            "read": read,
            "accept": replace,
            "render, compress": render,
            "assemble": watch.lap(),
        }


def unframe(data: bytes) -> bytes | bytearray:
    """The payload of one whole message, which arrives in pieces as from a socket."""
    framing = framing_for(data[0], Limits().max_message_bytes)
    for start in range(0, len(data), READ_BYTES):
        for item in framing.feed(data[start : start + READ_BYTES]):
            if not isinstance(item, Exception):
                return item
    raise ValueError("not one whole message")


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleFigures:
    """Medians over all rounds of one kind of cycle."""

    miners: int
    shape: Shape
    change: Change
    wire_bytes: int
    text_bytes: int
    gzip_bytes: int
    stages: Mapping[str, Cost]
    total: Cost
    unavoidable: Mapping[str, Cost]
    unavoidable_ratio: float
    """The CPU time of the cycle, against what cannot be avoided; the median of the pairs."""
    cpu_by_round: tuple[float, ...]
    """Seconds of the cycle in each round: rounds of two kinds ran beside each other, and pair."""


class _Measured:
    """One kind of cycle and all that was seen of it."""

    def __init__(self, miners: int, shape: Shape, change: Change) -> None:
        self._miners, self._shape, self._change = miners, shape, change
        self._messages = messages(miners, shape, change)
        self._cycle = Cycle(shape.encoding)
        self._least = Unavoidable(shape)
        self._message = b""
        self._rounds: list[Mapping[str, Cost]] = []
        self._unavoidable: list[Mapping[str, Cost]] = []
        self._run()
        self._run()

    def _run(self) -> Mapping[str, Cost]:
        self._message = next(self._messages)
        return self._cycle.run(self._message)

    def round(self) -> None:
        runs = [self._run() for _ in range(max(1, STEADY_MINERS // self._miners))]
        self._rounds.append(_median_stages(runs))
        text = b"".join(inflate(self._cycle.body))
        self._unavoidable.append(self._least.run(unframe(self._message), text))

    def figures(self) -> CycleFigures:
        totals = [_total(stages) for stages in self._rounds]
        least = [_total(stages) for stages in self._unavoidable]
        return CycleFigures(
            miners=self._miners,
            shape=self._shape,
            change=self._change,
            wire_bytes=len(self._message),
            text_bytes=self._cycle.body.size,
            gzip_bytes=sum(map(len, self._cycle.body.chunks)),
            stages=_median_stages(self._rounds),
            total=median_cost(totals),
            unavoidable=_median_stages(self._unavoidable),
            unavoidable_ratio=median(
                ours.cpu / theirs.cpu for ours, theirs in zip(totals, least, strict=True)
            ),
            cpu_by_round=tuple(total.cpu for total in totals),
        )


def _total(stages: Mapping[str, Cost]) -> Cost:
    return sum(stages.values(), FREE)


def _median_stages(runs: list[Mapping[str, Cost]]) -> Mapping[str, Cost]:
    return {stage: median_cost(run[stage] for run in runs) for stage in runs[0]}


def measure_cycles(sizes: tuple[int, ...], rounds: int) -> list[CycleFigures]:
    """Every kind of cycle of every shape and size.

    Each round runs all kinds of one shape, so that what else the machine does falls on all alike.
    """
    return [one for shape in Shape for one in _measure_shape(shape, sizes, rounds)]


def _measure_shape(shape: Shape, sizes: tuple[int, ...], rounds: int) -> list[CycleFigures]:
    measured = [_Measured(size, shape, change) for size in sizes for change in Change]
    # As the service does before it serves.
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for one in measured:
            one.round()
    gc.unfreeze()
    return [one.figures() for one in measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRatios:
    """How the kinds of cycles of one shape compare, in CPU time; medians over pairs of rounds."""

    shape: Shape
    largest: int
    """Miners."""
    smallest: int
    per_miner: float
    """Of the largest size, against the smallest."""
    cold: float
    """At the largest size, against warm; the same for the next."""
    churn: float
    unavoidable: float
    """A warm cycle at the largest size, against what cannot be avoided."""


def cycle_ratios(figures: list[CycleFigures]) -> list[CycleRatios]:
    """The ratios that the bounds are about, for each shape that was measured."""
    shapes = dict.fromkeys(one.shape for one in figures)
    return [_ratios(shape, [one for one in figures if one.shape is shape]) for shape in shapes]


def _ratios(shape: Shape, figures: list[CycleFigures]) -> CycleRatios:
    by_kind = {(one.miners, one.change): one for one in figures}
    smallest, largest = min(one.miners for one in figures), max(one.miners for one in figures)

    def ratio(change: Change, miners: int) -> float:
        over = by_kind[largest, change].cpu_by_round
        under = by_kind[miners, Change.WARM].cpu_by_round
        return median(a / b for a, b in zip(over, under, strict=True))

    return CycleRatios(
        shape=shape,
        largest=largest,
        smallest=smallest,
        per_miner=ratio(Change.WARM, smallest) * smallest / largest,
        cold=ratio(Change.COLD, largest),
        churn=ratio(Change.CHURN, largest),
        unavoidable=by_kind[largest, Change.WARM].unavoidable_ratio,
    )
