"""Runs the same cycle through prometheus-client, paired with ours: noise falls on both alike."""

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.common.cost import Cost, median_cost
from benchmarks.common.fleet import Shape
from benchmarks.common.programs import Memory, Program, memory

RACER = "alternatives.racer"

WARM_UPS = 2
OURS_PER_SIDE = 3
"""Cycles of ours before and after each of theirs, which takes many times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFigures:
    """One contestant against ours; medians."""

    name: str
    shape: Shape
    miners: int
    passes: int
    ours: Cost
    theirs: Cost
    cpu_ratio: float
    """Theirs to ours; the median of the pairs."""
    wall_ratio: float
    ours_memory: Memory
    theirs_memory: Memory


def measure_peer(contestant: str, shape: Shape, miners: int, passes: int) -> PeerFigures:
    """Run `contestant` of `racer` and ours in turn. Its first pass starts empty, in its favour."""
    with ExitStack() as stack:
        ours = stack.enter_context(Program(RACER, "ours", shape, str(miners)))
        theirs = stack.enter_context(Program(RACER, contestant, shape, str(miners)))
        for _ in range(WARM_UPS):
            ours.ask(Cost)
        pairs = [_pair(ours, theirs) for _ in range(passes)]
        return PeerFigures(
            name=contestant,
            shape=shape,
            miners=miners,
            passes=passes,
            ours=median_cost(pair[0] for pair in pairs),
            theirs=median_cost(pair[1] for pair in pairs),
            cpu_ratio=median(theirs.cpu / ours.cpu for ours, theirs in pairs),
            wall_ratio=median(theirs.wall / ours.wall for ours, theirs in pairs),
            ours_memory=memory(ours.process.pid),
            theirs_memory=memory(theirs.process.pid),
        )


def _pair(ours: Program, theirs: Program) -> tuple[Cost, Cost]:
    before = [ours.ask(Cost) for _ in range(OURS_PER_SIDE)]
    cost = theirs.ask(Cost)
    after = [ours.ask(Cost) for _ in range(OURS_PER_SIDE)]
    return median_cost(before + after), cost
