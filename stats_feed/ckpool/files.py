"""This module reads ckpool's status files, whole or not at all.

ckpool opens a file, which empties it, and writes it anew each minute; so a file can be read empty
or cut off. Such a reading is tried again, and if that does not help, the file's last good contents
stand: they are a minute old, and everything in them only grows.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stats_feed.polling import Failure, ReadError, WrongSourceError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""One user's file: 100,000 workers have about 30 MiB."""

MAX_USERS = 100_000
"""Files that are read: a pool with more users needs something else than files."""

ATTEMPTS = 3
PAUSE_SECONDS = 0.05
"""Between two attempts: ckpool writes a file in less time."""

SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}

T = TypeVar("T")
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker of one user. `work` is the sum of its accepted shares' difficulties."""

    name: str
    hashrate: float | None
    work: float | None
    last_share_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """The pool as a whole: when it last wrote, and the work it has accepted."""

    updated_at: int | None
    work: float | None


def hashrate_of(text: object) -> float | None:
    """Return hashes per second: `"1.23T"` is 1.23e12."""
    if not isinstance(text, str) or not text:
        return None
    suffix = text[-1] if text[-1].isalpha() else ""
    try:
        value = float(text.removesuffix(suffix)) * SUFFIXES[suffix.upper()]
    except (ValueError, KeyError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


def parse_user(text: str) -> tuple[Worker, ...]:
    """Return the workers in a file of `users/`. Raises ValueError where it is cut off."""
    user = _object(text)
    rows = user.get("worker")
    if not isinstance(rows, list):
        return ()
    return tuple(
        Worker(
            name=row["workername"],
            hashrate=hashrate_of(row.get("hashrate1m")),
            work=_number(row.get("shares")),
            last_share_at=_seconds(row.get("lastshare")),
        )
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("workername"), str)
    )


def parse_pool(text: str) -> PoolStatus:
    """Return what `pool/pool.status` says, a JSON object on each of its lines.

    Raises ValueError where it is cut off.
    """
    lines = text.splitlines()
    if not lines or not text.endswith("\n"):
        raise ValueError("the file is cut off")
    merged: dict[str, object] = {}
    for line in lines:
        merged |= _object(line)
    if "accepted" not in merged:
        raise ValueError("the file is cut off")
    return PoolStatus(
        updated_at=_seconds(merged.get("lastupdate")), work=_number(merged["accepted"])
    )


class StatusFiles:
    """The files in one log directory; what has not changed is not read again."""

    def __init__(self, directory: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._directory = directory
        self._sleep = sleep
        self._users: dict[str, tuple[Stamp, tuple[Worker, ...]]] = {}
        self._pool: PoolStatus | None = None

    def check(self) -> None:
        """Raises WrongSourceError where this is no log directory of ckpool."""
        for part in ("pool", "users"):
            if not (self._directory / part).is_dir():
                raise WrongSourceError(
                    f"{self._directory} is no log directory of ckpool: it has no folder '{part}'"
                )

    def read(self) -> tuple[PoolStatus, Mapping[str, tuple[Worker, ...]]]:
        """Return the pool's status and the workers of each user.

        Raises ReadError, or WrongSourceError where this is no log directory of ckpool.
        """
        self.check()
        status = self._whole(self._directory / "pool" / "pool.status", parse_pool)
        self._pool = status or self._pool
        if self._pool is None:
            raise ReadError(Failure.MALFORMED, "pool/pool.status is not there, or is cut off")
        self._read_users()
        return self._pool, {user: workers for user, (_, workers) in self._users.items()}

    def _read_users(self) -> None:
        try:
            paths = {path.name: path for path in (self._directory / "users").iterdir()}
        except OSError as error:
            raise ReadError(Failure.UNREACHABLE, str(error)) from error
        if len(paths) > MAX_USERS:
            raise ReadError(Failure.TOO_LARGE, f"{len(paths)} users, over {MAX_USERS}")
        for gone in self._users.keys() - paths.keys():
            del self._users[gone]
        for name, path in paths.items():
            self._read_user(name, path)

    def _read_user(self, name: str, path: Path) -> None:
        try:
            stat = path.stat()
        except OSError:
            return  # it vanished just now; the next reading does not list it
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if name in self._users and self._users[name][0] == stamp:
            return
        workers = self._whole(path, parse_user)
        if workers is not None:
            self._users[name] = (stamp, workers)

    def _whole(self, path: Path, parse: Callable[[str], T]) -> T | None:
        """Return what is in a file; None where it stays cut off or cannot be read."""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(PAUSE_SECONDS)
            try:
                with path.open("rb") as file:
                    data = file.read(MAX_FILE_BYTES + 1)
            except OSError:
                return None
            if len(data) > MAX_FILE_BYTES:
                return None
            try:
                return parse(data.decode("utf-8", "replace"))
            except ValueError:
                continue
        return None


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - a file that is cut off, to the caller
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 2**63 else None


def _seconds(value: object) -> int | None:
    number = _number(value)
    return int(number) if number else None
