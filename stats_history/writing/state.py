"""This module keeps the state file, which records the progress of an import that may be killed."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stats_history.converting.carry import Carry
from stats_history.converting.quotes import Quotes
from stats_history.converting.sessions import Session
from stats_history.errors import HistoryError, RefusedError

VERSION = 2


@dataclass(slots=True, kw_only=True)
class State:
    """An import of one database to one place: [start, through) is done, with `rows` rows.

    The recording rules are evaluated over [start, recorded). `pieces` names every block or file
    that was put into `output`, for whoever wants to take the import back. `moves` are the finished
    pieces, staged path to final path, that `through` already counts.
    Renaming what is still staged therefore completes an import that was killed at any moment.
    """

    database: str
    kind: str
    first_timestamp: int
    output: str
    labels: dict[str, str]
    start: int
    through: int
    samples: int = 0
    rows: int = 0
    recorded: int | None = None
    pieces: list[str] = field(default_factory=list)
    staging: str = ""
    moves: list[tuple[str, str]] = field(default_factory=list)
    carry: Carry = field(default_factory=Carry)

    def decide(self, moves: list[tuple[str, str]]) -> None:
        """Take finished pieces into the import; they are moved once this state is saved."""
        self.moves = moves
        self.pieces += [Path(final).name for _, final in moves]

    def settle(self) -> None:
        """Finish the moves that were decided."""
        for staged, final in self.moves:
            if Path(staged).exists():
                Path(staged).rename(final)
        for folder in {Path(final).parent for _, final in self.moves}:
            sync_folder(folder)
        self.moves = []

    def clear_staging(self) -> None:
        """Remove the staging folder, if there is one."""
        if self.staging:
            shutil.rmtree(self.staging, ignore_errors=True)
            self.staging = ""


def load(path: Path) -> State | None:
    """The state in the file, or None without one; HistoryError when it cannot be understood."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))  # Any: JSON, checked just below
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HistoryError(f"cannot read the state file {path}: {error}") from error
    if raw.pop("version", None) != VERSION:
        raise HistoryError(f"{path} is not a state file of this version: name another --state")
    try:
        carry = raw.pop("carry")
        sessions = {int(key): Session(**value) for key, value in carry["sessions"].items()}
        quotes = {int(key): Quotes(**value) for key, value in carry["quotes"].items()}
        return State(**raw, carry=Carry(sessions, quotes))
    except (KeyError, TypeError, ValueError) as error:
        raise HistoryError(f"the state file {path} is damaged: {error!r}") from error


def save(path: Path, state: State) -> None:
    """Replace the file in one step: whoever reads it, also after a crash, finds a whole one."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"version": VERSION, **asdict(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only run with this state file; RefusedError while there is another run."""
    lock = path.with_name(path.name + ".lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"another import is running with {path}: wait for it") from None
        yield


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, as they are now."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
