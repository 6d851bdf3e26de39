"""This module is the command `stats-history`: it puts the parts of an import together."""

import argparse
import hashlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stats_history.commands.arguments import parser
from stats_history.commands.importer import (
    Plan,
    Wanted,
    carry_out,
    count,
    record,
    resume,
    slices_between,
)
from stats_history.commands.progress import Progress
from stats_history.commands.report import summary
from stats_history.commands.retire import check_imported, retire
from stats_history.errors import HistoryError, RefusedError
from stats_history.reading.old_database import OldDatabase, unreadable
from stats_history.reading.old_schema import Kind
from stats_history.writing.outputs import BlockOutput, Output, TextOutput
from stats_history.writing.programs import find_program
from stats_history.writing.state import State, load, locked

JOBS = {Kind.PROXY: "stats-proxy", Kind.POOL: "stats-pool"}
INSTANCES = {Kind.PROXY: "127.0.0.1:8084", Kind.POOL: "127.0.0.1:9084"}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    commands = parser()
    arguments = commands.parse_args(argv)
    if arguments.command == "import" and arguments.rules and arguments.into is None:
        commands.error("--rules needs --into: a Prometheus evaluates them over its blocks")
    now = int(time.time())
    try:
        if arguments.command == "import":
            _import(arguments, now)
        else:
            _retire(arguments, now)
    except HistoryError as error:
        return _complain(str(error), error.exit_code)
    except sqlite3.DatabaseError as error:
        return _complain(unreadable(arguments.database, error), HistoryError.exit_code)
    except OSError as error:
        return _complain(str(error), HistoryError.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted: run the same command again to go on", INTERRUPTED)
    return 0


def _import(arguments: argparse.Namespace, now: int) -> None:
    output = _output(arguments)
    _check_rules(arguments.rules)
    kind = None if arguments.kind == "auto" else Kind(arguments.kind)
    with OldDatabase(arguments.database, kind) as database:
        wanted = _wanted(arguments, database.schema.kind)
        state_file = arguments.state or _state_file(output, database.path)
        if arguments.dry_run:
            state = load(state_file) if state_file else None
            _convert(database, Plan(database, wanted, output, state, now), None, now)
        elif output is None or state_file is None:
            raise HistoryError("say where to: --out FILE, --into PROMETHEUS_DATA_DIR, or --dry-run")
        else:
            with locked(state_file):
                plan = Plan(database, wanted, output, resume(state_file), now)
                _convert(database, plan, (output, state_file), now)
                if isinstance(output, BlockOutput) and plan.last is not None:
                    _record(database, arguments.rules, output, plan.state, state_file)
            if wanted.until is None:
                _say("note             without --to, live series that began earlier overlap")
            pieces = len(plan.state.pieces)
            _say(f"state file       {state_file}, which names the {pieces} pieces of this import")


def _convert(
    database: OldDatabase, plan: Plan, target: tuple[Output, Path] | None, now: int
) -> None:
    if plan.last is None:
        _say("the database holds no samples")
        return
    with _progress(plan.rows) as done:
        if target is None:
            outcome = count(database, plan, done, now)
        else:
            outcome = carry_out(database, plan, *target, done, now)
    for line in summary(outcome, database.schema, now):
        _say(line)


def _record(
    database: OldDatabase,
    rules: Sequence[Path],
    output: BlockOutput,
    state: State,
    state_file: Path,
) -> None:
    begin = state.start if state.recorded is None else state.recorded
    slices = slices_between(database, begin, state.through)
    if not rules:
        if slices:
            _say("note             without --rules, most panels of the boards do not show it")
        return
    with _progress(sum(piece.rows for piece in slices)) as done:
        samples = record(slices, rules, output, state, state_file, done)
    _say(f"samples of rules {samples:,}")


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    progress = Progress(sys.stderr, rows, time.monotonic())
    try:
        yield lambda done: progress.add(done, time.monotonic())
    finally:
        progress.close()


def _retire(arguments: argparse.Namespace, now: int) -> None:
    path: Path = arguments.database
    if arguments.state is None:
        raise RefusedError("say which import to trust: --state FILE, as that import printed it")
    state = load(arguments.state)
    if state is None:
        raise RefusedError(f"there is no state file {arguments.state}: import the database first")
    check_imported(path, state, now)
    backup = arguments.backup or path.with_name(path.name + ".before-retire")
    if not arguments.yes and not _agreed(path, backup):
        raise RefusedError("nothing was changed: say yes, or give --yes")
    dropped = retire(path, backup)
    if dropped:
        _say(f"dropped {', '.join(dropped)}; the backup is {backup}")
    else:
        _say("nothing to drop: only time series are left")


def _agreed(path: Path, backup: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    question = f"Back {path} up to {backup} and drop what mirrored the present? Type yes: "
    return input(question).strip().lower() == "yes"


def _check_rules(rules: Sequence[Path]) -> None:
    """Raise HistoryError before an import, which may take long, whose rules cannot be evaluated."""
    for path in rules:
        if not path.is_file():
            raise HistoryError(f"there is no file of rules {path}")
    if rules:
        find_program("prometheus")


def _output(arguments: argparse.Namespace) -> Output | None:
    if arguments.into is not None:
        return BlockOutput(arguments.into)
    return None if arguments.out is None else TextOutput(arguments.out)


def _wanted(arguments: argparse.Namespace, kind: Kind) -> Wanted:
    labels = {
        "source": arguments.source,
        "job": arguments.job or JOBS[kind],
        "instance": arguments.instance or INSTANCES[kind],
        **dict(arguments.label),
    }
    return Wanted(labels=labels, since=arguments.since, until=arguments.until)


def _state_file(output: Output | None, database: Path) -> Path | None:
    """The usual state file: beside an output file, or in the output folder for each database."""
    if output is None:
        return None
    if output.one_slice:
        return output.path.with_name(output.path.name + ".state.json")
    digest = hashlib.sha256(str(database.resolve()).encode()).hexdigest()
    return output.path / f"stats-history-{digest[:8]}.json"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(text: str, exit_code: int) -> int:
    sys.stderr.write(f"stats-history: {' '.join(text.split())}\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
