"""The keys that a person may press while the demo runs, when it has a terminal to itself."""

import os
import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

GUARD = 'trap "" INT TERM HUP TTOU; cat >/dev/null; stty "$1" <&1'
"""A shell's way to restore the terminal when the demo's end of a pipe has closed."""


class Key(StrEnum):
    """What may be pressed; Ctrl-C stays a signal."""

    KILL = "k"
    TRANSLATOR = "t"
    RESTART = "r"
    HELP = "?"
    QUIT = "q"


class Keys:
    """Reads the keys of `terminal`, or only lets time pass when it is None."""

    def __init__(self, terminal: int | None) -> None:
        self._terminal = terminal

    @property
    def can_be_pressed(self) -> bool:
        """Whether anybody can press a key."""
        return self._terminal is not None

    def wait(self, seconds: float) -> Iterator[Key]:
        """The keys that are pressed within `seconds`, or earlier ones; returns at the first."""
        if self._terminal is None:
            time.sleep(seconds)
            return
        if not select.select([self._terminal], [], [], seconds)[0]:
            return
        pressed = _read(self._terminal)
        if not pressed:  # the terminal has gone
            self._terminal = None
        yield from (Key(one) for one in pressed.lower() if one in set(Key))


@contextmanager
def reading_keys() -> Iterator[Keys]:
    """Keys without Enter and without an echo; the terminal is as before when the context ends.

    A process that is killed restores nothing, so another one waits for its end and does.
    """
    terminal = sys.stdin.fileno() if sys.stdin else None
    if terminal is None or not _is_ours(terminal):
        yield Keys(None)
        return
    before = termios.tcgetattr(terminal)
    guard = _guard(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        yield Keys(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
        guard.communicate()


def _is_ours(terminal: int) -> bool:
    """Whether it is a terminal, and this program is not in its background."""
    try:
        return os.isatty(terminal) and os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def _guard(terminal: int) -> "subprocess.Popen[bytes]":
    modes = subprocess.run(
        ["stty", "-g"],  # noqa: S607 - coreutils, from wherever they are
        stdin=terminal,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return subprocess.Popen(  # noqa: S603 - a fixed script, and the modes that stty told
        ["sh", "-c", GUARD, "sh", modes],  # noqa: S607 - POSIX's own
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 64).decode("ascii", "ignore")
    except OSError:  # hung up
        return ""
