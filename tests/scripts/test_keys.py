"""The demo's keys, on a real terminal: a pseudo-terminal that a process of its own controls."""

import os
import pty
import re
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.demo.keys import Key, reading_keys
from tests.support.until import until

ROOT = Path(__file__).resolve().parents[2]
ECHO = termios.ICANON | termios.ECHO
LOCAL_MODES = 3

LISTEN = """
import os, sys
from scripts.demo.keys import reading_keys
with reading_keys() as keys:
    print(f"ready {os.getpid()}.", flush=True)
    while True:
        for key in keys.wait(1.0):
            print(f"<{key.name}>", flush=True)
            if key.name == "QUIT":
                sys.exit(3)
            if key.name == "HELP":
                raise ValueError
"""
SHELL = '"$0" -c "$1"; echo "ended $?."; read -r line'
"""Stands for the shell that a person starts the demo from, and that lives on."""


class Terminal:
    """A shell on a terminal of its own, which runs a program that listens to keys."""

    def __init__(self) -> None:
        shell, self._end = pty.fork()
        if shell == 0:
            os.chdir(ROOT)
            os.execv("/bin/sh", ["sh", "-c", SHELL, sys.executable, LISTEN])
        self._shell = shell
        os.set_blocking(self._end, False)
        self._shown = ""
        self.program = int(self.wait_for(r"ready (\d+)\."))

    def modes(self) -> int:
        """Whether it echoes and edits lines."""
        local = termios.tcgetattr(self._end)[LOCAL_MODES]
        assert isinstance(local, int)
        return local & ECHO

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def wait_for(self, pattern: str) -> str:
        """Return once the program has written it; the last group of the pattern."""

        def shown() -> re.Match[str] | None:
            with suppress(BlockingIOError):
                self._shown += os.read(self._end, 4096).decode()
            return re.search(pattern, self._shown)

        found = until(shown, what=pattern)
        assert found
        return found[found.lastindex or 0]

    def close(self) -> None:
        os.kill(self._shell, signal.SIGKILL)
        os.waitpid(self._shell, 0)
        os.close(self._end)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_a_key_needs_no_enter_and_other_keys_mean_nothing(terminal: Terminal) -> None:
    assert terminal.modes() == 0
    terminal.press("xK")
    terminal.wait_for("<KILL>")
    terminal.press("tq")
    terminal.wait_for(r"<TRANSLATOR>\s+<QUIT>")
    assert terminal.wait_for(r"ended (\d+)\.") == "3"


@pytest.mark.parametrize("key", ["q", "?"], ids=["a normal end", "an error"])
def test_the_terminal_is_as_before_after(terminal: Terminal, key: str) -> None:
    terminal.press(key)
    terminal.wait_for("ended")
    assert terminal.modes() == ECHO


def test_the_terminal_is_as_before_after_a_kill(terminal: Terminal) -> None:
    os.kill(terminal.program, signal.SIGKILL)
    terminal.wait_for("ended")
    until(lambda: terminal.modes() == ECHO)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"q")
    with os.fdopen(read) as pipe, os.fdopen(write, "w"):
        monkeypatch.setattr(sys, "stdin", pipe)
        with reading_keys() as keys:
            assert not keys.can_be_pressed
            assert list[Key](keys.wait(0.0)) == []
