"""A Python program of this project in a process of its own, and the lines that it logs."""

import re
import signal
import subprocess
import sys
import threading
import time
from typing import Self

from tests.support.programs import ROOT

LOOPBACK = "127.0.0.1"
EXIT_SECONDS = 30.0


class Program:
    """`python -m ARGUMENTS`, started; a context manager that ends it, whatever it does."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_for_line(self, pattern: str, seconds: float = 60.0) -> re.Match[str]:
        """The first line logged, before or from now on, in which `pattern` is found."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (found := self._find(pattern)) is None:
                left = 0.0 if self._ended else deadline - time.monotonic()
                assert left > 0, f"no {pattern!r} in:\n{self.log()}"
                self._changed.wait(left)
        return found

    def log(self) -> str:
        """All that was logged so far."""
        return "\n".join(self.lines)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = EXIT_SECONDS) -> int:
        """Send a signal and give the exit code; fails where that takes more than `seconds`."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = EXIT_SECONDS) -> int:
        """The exit code, once it has ended by itself and everything it logged was read."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def kill(self) -> None:
        """SIGKILL; nothing where it has ended already."""
        self.process.kill()
        self.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)
