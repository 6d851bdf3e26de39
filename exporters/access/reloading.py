"""Files that say who may come in, read again when they change and at once after SIGHUP.

A change is believed once the files have stayed the same from one look to the next, so that a file
which is being written is not read half. Files that are wrong change nothing: the rules that were
read last stay in force, since monitoring that stops over a typing error helps nobody, and the log
says so.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from exporters.errors import ConfigError, one_line

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Time between two looks: a change is in force after at most two looks."""

T = TypeVar("T")

_Signature = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """The meaning of files, and the files that were read for it."""

    value: T
    files: Sequence[Path]


class Watched(Generic[T]):
    """Files and their meaning: `value` is what the files said when they were last right."""

    def __init__(self, name: str, load: Callable[[T | None], Loaded[T]]) -> None:
        """`load` gets the value that is in force; `load` and this raise `ConfigError`."""
        self._name = name
        self._load = load
        loaded = load(None)
        self.value = loaded.value
        self._files = loaded.files
        self._read = self._seen = _signature(loaded.files)
        self._error: str | None = None
        self.read_at = time.time()
        """When the files were last read and right, in unix seconds."""

    @property
    def is_in_force(self) -> bool:
        """Whether `value` is what the files say now, as far as they were read."""
        return self._error is None

    def look(self, *, at_once: bool = False) -> None:
        """Read the files if they have changed, or `at_once`; never raises for what they say."""
        signature = _signature(self._files)
        settled, self._seen = signature == self._seen, signature
        # Wrong files are read at each look: they may depend on a file that is not there yet.
        changed = signature != self._read or self._error is not None
        if not at_once and not (settled and changed):
            return
        self._read = signature
        try:
            loaded = self._load(self.value)
        except ConfigError as error:
            self._keep(str(error), at_once=at_once)
        except Exception as error:  # noqa: BLE001 - no file may end the service, however odd
            self._keep(one_line(f"{type(error).__name__}: {error}"), at_once=at_once)
        else:
            self.value, self._files, self._error = loaded.value, loaded.files, None
            self._read = self._seen = _signature(loaded.files)
            self.read_at = time.time()
            why = "as asked" if at_once else "since it changed"
            log.info("%s: read again, %s", self._name, why)

    def _keep(self, error: str, *, at_once: bool) -> None:
        """Leave `value` as it is, and say why: once for each error, and whenever somebody asks."""
        if at_once or error != self._error:
            log.error("%s: %s; what was in force stays in force", self._name, error)
        self._error = error


async def watch(
    watched: Sequence[Watched[Any]],  # Any: files of every meaning
    reloading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Look at all of `watched` for ever, and at once after SIGHUP, within a `reloading()`."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LOOK_SECONDS)
        at_once = asked.is_set()
        asked.clear()
        if at_once:
            log.info("SIGHUP: files that say who may come in are read again")
        with reloading() if at_once else nullcontext():
            for one in watched:
                await asyncio.to_thread(one.look, at_once=at_once)


def _signature(files: Iterable[Path]) -> _Signature:
    return tuple(map(_file_signature, files))


def _file_signature(file: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = file.stat()
    except (OSError, ValueError):
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
