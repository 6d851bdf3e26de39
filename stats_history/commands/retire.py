"""This module drops the tables of an old database that only mirrored the present."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from stats_history.errors import HistoryError, RefusedError
from stats_history.reading.old_database import OldDatabase
from stats_history.reading.old_schema import CURRENT_STATE_TABLES, Kind, tables_of
from stats_history.writing.blocks import sources_of
from stats_history.writing.state import State, sync_folder

_PROC = Path("/proc")


def check_imported(path: Path, state: State, now: int) -> None:
    """Raise RefusedError unless the import that `state` tells of covers the whole database."""
    if state.database != str(path.resolve()):
        raise RefusedError(f"the state file is of {state.database}, not of {path.resolve()}")
    if state.moves:
        raise RefusedError("the import was interrupted: run the same 'stats-history import' again")
    _check_blocks(state)
    with OldDatabase(path, Kind(state.kind)) as database:
        found = database.first_and_last(now)
        rows = database.count_rows(state.start, state.through)
    if found is None:
        return
    first, last = found
    if first < state.start or last >= state.through:
        raise RefusedError(
            f"the import covers [{state.start}, {state.through}) and the database "
            f"[{first}, {last}]: import the rest first"
        )
    if rows > state.rows:
        raise RefusedError(
            f"{rows - state.rows:,} rows were written after the import had passed their time: "
            "import the database again, to another place"
        )


def _check_blocks(state: State) -> None:
    """Raise RefusedError unless every imported block is there, by itself or in a compacted one."""
    output = Path(state.output)
    blocks = [name for name in state.pieces if not name.endswith(".om")]
    if not output.is_dir():
        return
    gone = sorted(set(blocks) - sources_of(output))
    if gone:
        raise RefusedError(
            f"{len(gone)} of {len(blocks)} imported blocks are no longer in {output} ({gone[0]}): "
            "Prometheus's retention or somebody has removed them. To import them again, remove the "
            "state file"
        )


def openers(path: Path) -> Iterator[str]:
    """The other processes that have the database open for writing, such as `stats-proxy (417)`.

    Only the processes that this user may look at are found, and none where there is no /proc.
    """
    files = {
        (found.st_dev, found.st_ino)
        for name in (path, path.with_name(path.name + "-wal"))
        if name.exists()
        for found in [name.stat()]
    }
    for process in _PROC.glob("[0-9]*"):
        if int(process.name) != os.getpid() and _writes(process, files):
            yield f"{_name(process)} ({process.name})"


def retire(path: Path, backup: Path) -> list[str]:
    """Back the database up, drop the tables that mirrored the present, and return their names.

    The time series stay. The lock is held from before the backup to the end, so that nothing can
    be written in between. Raises RefusedError while another process has the file open for writing.
    """
    if backup.exists():
        raise RefusedError(f"{backup} exists: name another file with --backup")
    with closing(_open_exclusively(path)) as connection:
        users = sorted(openers(path))
        if users:
            raise RefusedError(f"{path} is open for writing in {', '.join(users)}: stop it first")
        dropped = sorted(tables_of(connection).intersection(CURRENT_STATE_TABLES))
        if not dropped:
            return []
        _back_up(connection, path, backup)
        with connection:
            connection.execute("BEGIN")
            for table in dropped:
                connection.execute(f"DROP TABLE {table}")
    return dropped


def _open_exclusively(path: Path) -> sqlite3.Connection:
    """Open a connection that holds the database's exclusive lock until the connection is closed."""
    if not path.is_file():
        raise HistoryError(f"there is no database {path}")
    address = f"file:{quote(str(path.resolve()))}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)
    try:
        # The lock outlives the transaction: a backup cannot be read inside one that writes.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        raise RefusedError(
            f"cannot have {path} alone ({error}): stop the old service first"
        ) from error
    return connection


def _back_up(connection: sqlite3.Connection, path: Path, backup: Path) -> None:
    """Copy the database; the copy gets its name only when it is whole, sound and on the disk."""
    part = backup.with_name(backup.name + ".part")
    part.unlink(missing_ok=True)
    try:
        part.touch(0o600)
        with closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
            _check_copy(copy, connection)
        original = path.stat()
        if os.geteuid() == 0:
            os.chown(part, original.st_uid, original.st_gid)
        part.chmod(original.st_mode & 0o7777)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(backup)
        sync_folder(backup.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _check_copy(copy: sqlite3.Connection, original: sqlite3.Connection) -> None:
    (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok" or _row_counts(copy) != _row_counts(original):
        raise HistoryError(f"the backup is not sound ({verdict}): nothing was dropped")


def _row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 - a name from the schema itself
        for table in tables_of(connection)
    }


def _writes(process: Path, files: set[tuple[int, int]]) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            found = descriptor.stat()
            if (found.st_dev, found.st_ino) in files and _is_writable(process, descriptor.name):
                return True
    except OSError:  # it ended meanwhile, or belongs to another user
        pass
    return False


def _is_writable(process: Path, descriptor: str) -> bool:
    for line in (process / "fdinfo" / descriptor).read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "flags":
            return int(value, 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"
