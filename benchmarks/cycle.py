"""One cycle, stage by stage, on one thread and without sockets.

From a snapshot's bytes to a compressed body that is ready to be scraped, through the same functions
the service calls.
"""

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.cost import FREE, Cost, Stopwatch, median_cost
from benchmarks.fleet import Change, frames, lines
from exporters.exposition.body import EVERYTHING, assemble
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import EMPTY
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
    change: Change
    encoding: Encoding
    wire_bytes: int
    text_bytes: int
    gzip_bytes: int
    stages: Mapping[str, Cost]
    total: Cost
    cpu_by_round: tuple[float, ...]
    """Seconds of each round's cycle: rounds of two kinds ran beside each other, and pair up."""

    @property
    def name(self) -> str:
        """What the rows of the tables call it."""
        json = ", JSON" if self.encoding is Encoding.JSON_LINES else ""
        return f"{self.change}{json}"


class _Measured:
    """One kind of cycle and what was seen of it."""

    def __init__(self, miners: int, change: Change, encoding: Encoding) -> None:
        self._miners = miners
        self._change = change
        self._encoding = encoding
        messages = lines if encoding is Encoding.JSON_LINES else frames
        self._messages: Iterator[bytes] = messages(miners, change)
        self._cycle = Cycle(encoding)
        self._wire_bytes = 0
        self._rounds: list[Mapping[str, Cost]] = []
        self._run()

    def _run(self) -> Mapping[str, Cost]:
        data = next(self._messages)
        self._wire_bytes = len(data)
        return self._cycle.run(data)

    def round(self) -> None:
        runs = [self._run() for _ in range(max(1, STEADY_MINERS // self._miners))]
        self._rounds.append(_median_stages(runs))

    def figures(self) -> CycleFigures:
        totals = [sum(stages.values(), FREE) for stages in self._rounds]
        return CycleFigures(
            miners=self._miners,
            change=self._change,
            encoding=self._encoding,
            wire_bytes=self._wire_bytes,
            text_bytes=self._cycle.body.size,
            gzip_bytes=sum(map(len, self._cycle.body.chunks)),
            stages=_median_stages(self._rounds),
            total=median_cost(totals),
            cpu_by_round=tuple(total.cpu for total in totals),
        )


def _median_stages(runs: list[Mapping[str, Cost]]) -> Mapping[str, Cost]:
    return {stage: median_cost(run[stage] for run in runs) for stage in runs[0]}


def measure_cycles(sizes: tuple[int, ...], rounds: int) -> list[CycleFigures]:
    """Every kind of cycle at every size.

    Each round runs all of them, so that what else the machine does falls on all alike.
    """
    kinds = [
        *((change, Encoding.FRAMES) for change in Change),
        (Change.WARM, Encoding.JSON_LINES),
    ]
    measured = [_Measured(size, *kind) for size in sizes for kind in kinds]
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
    """How kinds of cycles compare, in CPU time; medians over the rounds' pairs."""

    largest: int
    """Miners."""
    smallest: int
    per_miner: float
    """Of the largest size, against the smallest."""
    cold: float
    """At the largest size, against warm; the same for the next."""
    churn: float


def cycle_ratios(figures: list[CycleFigures]) -> CycleRatios:
    """The ratios that the bounds are about."""
    by_kind = {(one.miners, one.change, one.encoding): one.cpu_by_round for one in figures}
    smallest, largest = min(one.miners for one in figures), max(one.miners for one in figures)

    def ratio(change: Change, miners: int) -> float:
        over = by_kind[largest, change, Encoding.FRAMES]
        under = by_kind[miners, Change.WARM, Encoding.FRAMES]
        return median(a / b for a, b in zip(over, under, strict=True))

    return CycleRatios(
        largest=largest,
        smallest=smallest,
        per_miner=ratio(Change.WARM, smallest) * smallest / largest,
        cold=ratio(Change.COLD, largest),
        churn=ratio(Change.CHURN, largest),
    )
