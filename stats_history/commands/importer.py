"""This module imports a database slice by slice, and goes on where an earlier run ended."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from stats_history.errors import HistoryError, RefusedError
from stats_history.reading.old_database import OldDatabase, Rejected
from stats_history.recording.recorder import Recorder
from stats_history.writing.openmetrics import Exposition
from stats_history.writing.outputs import BlockOutput, Output
from stats_history.writing.slice_text import Conversion, Findings
from stats_history.writing.slices import WIDTHS, Slice, cut
from stats_history.writing.state import State, load, save

SETTLE_SECONDS = 60
"""Newer rows wait for the next run: the old service may still be writing their second."""

STAGED_BYTES_PER_ROW = 1600
"""Text and blocks of a slice on the disk at once, for each of its rows; 1,270 were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The labels and times that the operator asked for: unix seconds, `until` exclusive."""

    labels: dict[str, str]
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An import's result: `samples` in [start, end); the rest of the database waits or is bad.

    `last` is the database's newest plausible timestamp, or None for an empty one.
    """

    start: int
    end: int
    last: int | None
    samples: int
    slices: int
    downstreams: int
    sessions: int
    findings: Findings
    rejected: Rejected


class Plan:
    """The part of a database that is still to be imported, and the state to go on from."""

    def __init__(
        self,
        database: OldDatabase,
        wanted: Wanted,
        output: Output | None,
        state: State | None,
        now: int,
    ) -> None:
        """Raise RefusedError when `state` tells of another import than the one asked for."""
        found = database.first_and_last(now)
        first = found[0] if found else now
        self.last = found[1] if found else None
        self.state = state or _new_state(database, first, wanted, output)
        _check_same_import(self.state, database, first, wanted)
        limits = [now - SETTLE_SECONDS, wanted.until, output.until if output else None]
        after_last = (self.last + 1) if self.last is not None else first
        self.start = self.state.through
        self.end = max(min([after_last, *(t for t in limits if t is not None)]), self.start)
        self.slices = slices_between(database, self.start, self.end)
        if output and output.one_slice and self.slices:
            self.slices = [Slice(self.start, self.end, self.rows)]

    @property
    def rows(self) -> int:
        """How many rows there are to read."""
        return sum(piece.rows for piece in self.slices)


def slices_between(database: OldDatabase, start: int, end: int) -> list[Slice]:
    """The slices that hold every row of the database in [start, end)."""
    return cut(database.rows_by_time(start, end, WIDTHS[-1]), start, end)


def count(database: OldDatabase, plan: Plan, done: Callable[[int], None], now: int) -> Outcome:
    """Tell what an import would write, without writing anything."""
    conversion = Conversion(database, plan.state.labels, plan.state.carry, done)
    with Exposition(None) as out:
        for piece in plan.slices:
            conversion.write(piece, out)
    return _outcome(database, plan, conversion.findings, out.samples, now)


def carry_out(
    database: OldDatabase,
    plan: Plan,
    output: Output,
    state_file: Path,
    done: Callable[[int], None],
    now: int,
) -> Outcome:
    """Import every slice of the plan; killed at any moment, another run goes on from there."""
    if plan.slices and output.one_slice and output.path.exists():
        raise RefusedError(
            f"{output.path} exists: to write what is new, name another file with --out, and this "
            f"import's progress with --state {state_file}"
        )
    state = plan.state
    conversion = Conversion(database, state.labels, state.carry, done)
    before = state.samples
    with _staging(output, state, state_file):
        for piece in plan.slices:
            check_space(output, piece)
            state.rows += database.count_rows(piece.start, piece.end)
            _import_slice(conversion, piece, output, state, state_file)
        state.through = plan.end
    return _outcome(database, plan, conversion.findings, state.samples - before, now)


def record(
    slices: Sequence[Slice],
    rules: Sequence[Path],
    output: BlockOutput,
    state: State,
    state_file: Path,
    done: Callable[[int], None],
) -> int:
    """Evaluate recording rules over imported slices, and return how many samples they gave.

    All of it becomes part of the output at once, so that a run that is killed leaves no series that
    ends in the middle.
    """
    with _staging(output, state, state_file) as staging:
        recorder = Recorder(output.path, staging, output.promtool, state.labels, rules)
        if slices:
            check_space(output, max(slices, key=lambda piece: piece.rows))
            recorder.record(slices, done)
        state.decide(output.moves(recorder.blocks))
        state.recorded = state.through
        state.samples += recorder.samples
        save(state_file, state)
        state.settle()
    return recorder.samples


def resume(state_file: Path) -> State | None:
    """The state of an earlier run, with its unfinished pieces moved or removed."""
    state = load(state_file)
    if state is not None:
        state.settle()
        state.clear_staging()
        save(state_file, state)
    return state


@contextmanager
def _staging(output: Output, state: State, state_file: Path) -> Iterator[Path]:
    """A folder for unfinished pieces; nothing of it is left, however the context ends."""
    staging = output.home / f".stats-history-{token_hex(4)}"
    state.staging = str(staging)
    save(state_file, state)
    try:
        staging.mkdir()
        yield staging
    except BaseException:
        # The file tells which pieces were decided; the state in memory may be ahead of it.
        with suppress(OSError):
            resume(state_file)
        raise
    state.clear_staging()
    save(state_file, state)


def check_space(output: Output, piece: Slice) -> None:
    """Raise HistoryError when the disk has too little room for the text of a slice."""
    needed, free = piece.rows * STAGED_BYTES_PER_ROW, shutil.disk_usage(output.home).free
    if free < needed:
        raise HistoryError(
            f"{output.home} has {free >> 20} MiB free, and the next slice of {piece.rows:,} rows "
            f"takes up to {needed >> 20} MiB for a while: make room, and run the same command again"
        )


def _new_state(database: OldDatabase, first: int, wanted: Wanted, output: Output | None) -> State:
    begin = max(wanted.since or first, first)
    return State(
        database=str(database.path.resolve()),
        kind=database.schema.kind,
        first_timestamp=first,
        output=str(output.path) if output else "",
        labels=wanted.labels,
        start=begin,
        through=begin,
    )


def _import_slice(
    conversion: Conversion, piece: Slice, output: Output, state: State, state_file: Path
) -> None:
    staging = Path(state.staging)
    text = staging / f"{piece.start}-{piece.end}.om"
    with Exposition(staging) as out:
        conversion.write(piece, out)
        out.finish(text)
    if out.samples:
        state.decide(output.pieces(text, piece, out.samples))
    state.samples += out.samples
    state.through = piece.end
    # From here on the slice is decided: whoever reads the state makes the moves, and only once.
    save(state_file, state)
    state.settle()


def _outcome(
    database: OldDatabase, plan: Plan, findings: Findings, samples: int, now: int
) -> Outcome:
    sessions = plan.state.carry.sessions.values()
    return Outcome(
        start=plan.start,
        end=plan.end,
        last=plan.last,
        samples=samples,
        slices=len(plan.slices),
        downstreams=len(sessions),
        sessions=sum(session.number for session in sessions),
        findings=findings,
        rejected=database.rejected(now),
    )


def _check_same_import(state: State, database: OldDatabase, first: int, wanted: Wanted) -> None:
    if state.database != str(database.path.resolve()) or state.first_timestamp != first:
        raise RefusedError(
            f"the state file is of another import, of {state.database}: name another --state"
        )
    if state.labels != wanted.labels:
        raise RefusedError(
            f"this database is being imported as {state.labels}, and its series would break: "
            "give the same --source, --job, --instance and --label, or name another --state"
        )
    if wanted.since is not None and max(wanted.since, first) < state.start:
        raise RefusedError(
            "an import only goes on to later samples, and this one began after --from: "
            "name another --state and a --to before it"
        )
