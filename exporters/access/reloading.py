"""Files that may change while the service runs.

A change is believed once the files have stayed the same from one look to the next, so that one that
is being written is not read. Files that are wrong change nothing: what was read last stays in
force, since monitoring that stops over a typing error helps nobody, and it is said in the log.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from exporters.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks: a change is in force after at most two."""

T = TypeVar("T")

_Signature = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """What the files say, and which files those were."""

    value: T
    files: Sequence[Path]


class Watched(Generic[T]):
    """`value` is what the files said when they were last right."""

    def __init__(self, name: str, load: Callable[[T | None], Loaded[T]]) -> None:
        """`load` is given what was in force; it and this raise `ConfigError`."""
        self._name = name
        self._load = load
        loaded = load(None)
        self.value = loaded.value
        self._files = loaded.files
        self._read = self._seen = _signature(loaded.files)
        self._error: str | None = None

    def look(self) -> None:
        """Read the files again if they changed; never raises for what they say."""
        signature = _signature(self._files)
        settled, self._seen = signature == self._seen, signature
        if not settled or (signature == self._read and self._error is None):
            return
        self._read = signature
        try:
            loaded = self._load(self.value)
        except ConfigError as error:
            # Looked at again each time, since it may depend on a file that is not there yet.
            if str(error) != self._error:
                log.error("%s: %s; what was in force stays in force", self._name, error)  # noqa: TRY400 - the text says it all
            self._error = str(error)
        else:
            self.value, self._files, self._error = loaded.value, loaded.files, None
            self._read = self._seen = _signature(loaded.files)
            log.info("%s: read again, since it changed", self._name)


async def watch(watched: Iterable[Watched[Any]]) -> None:  # Any: of whatever kind
    """Look at all of `watched` for ever."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for one in watched:
            await asyncio.to_thread(one.look)


def _signature(files: Iterable[Path]) -> _Signature:
    return tuple(map(_file_signature, files))


def _file_signature(file: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
