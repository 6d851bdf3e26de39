"""This module reads what a person at the demo wants to happen, from standard input."""

import sys
import threading
from collections.abc import Iterator
from enum import StrEnum
from queue import Empty, SimpleQueue


class Command(StrEnum):
    """One line of standard input."""

    UNPLUG = "unplug"
    """Take a miner away."""

    TRANSLATOR = "translator"
    """Stop the translator, or start it again."""


class Commands:
    """The lines that have come so far, read on a daemon thread; other lines are passed over."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Command] = SimpleQueue()

    def listen(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def pending(self) -> Iterator[Command]:
        """Take what has come since the last call."""
        while True:
            try:
                yield self._queue.get_nowait()
            except Empty:
                return

    def _read(self) -> None:
        known = set(Command)
        for line in sys.stdin:
            if line.strip() in known:
                self._queue.put(Command(line.strip()))
