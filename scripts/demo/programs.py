"""Programs in the foreground's care: started in a group of their own, watched, and stopped."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scripts.demo.ports import LOOPBACK

# A program that has not ended this long after SIGTERM is killed.
STOP_SECONDS = 10.0
# One that is not ready by then never will be. Grafana's first start fills a database.
READY_SECONDS = 90.0
POLL_SECONDS = 0.1
LAST_LOG_LINES = 15
# A demo that is killed cannot stop its programs: the kernel does. setpriv is in every Debian.
END_WITH_DEMO = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


class ProgramFailedError(Exception):
    """A program ended, or did not become ready in time; the text holds its last log lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A path on a loopback port."""

    port: int
    path: str = "/"

    def __str__(self) -> str:
        return f"http://{LOOPBACK}:{self.port}{self.path}"

    def answers(self) -> bool:
        """Whether it, or the page it leads on to, answers 200 now."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", self.path)
            answer = connection.getresponse()
            if target := answer.getheader("Location"):
                answer.read()
                connection.request("GET", urlsplit(target).path)
                answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return answer.status == http.HTTPStatus.OK
        finally:
            connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How a program is started, and which pages answer once it is ready."""

    name: str
    command: Sequence[str]
    ready: Sequence[Page]
    environment: Mapping[str, str] = field(default_factory=dict)
    obeys: bool = False
    """Whether it takes commands on its standard input."""


class RunningProgram:
    """A started program, and everything it started in turn."""

    def __init__(self, program: Program, *, log: Path, folder: Path) -> None:
        self.program = program
        self.log = log
        self._folder = folder
        with log.open("ab") as output:
            # Its own session: Ctrl-C reaches only the demo, which stops its programs in order.
            self._process = subprocess.Popen(  # noqa: S603 - commands of the demo's own making
                (*END_WITH_DEMO, *program.command),
                cwd=folder,
                env={**os.environ, **program.environment},
                stdin=subprocess.PIPE if program.obeys else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()
        self._waiting_for = list(program.ready)

    def is_ready(self) -> bool:
        """Whether every page has answered; raises `ProgramFailedError` when there is no hope."""
        self.check()
        while self._waiting_for and self._waiting_for[0].answers():
            del self._waiting_for[0]
        if self._waiting_for and time.monotonic() - self._started > READY_SECONDS:
            raise self._failure(f"is not ready: {self._waiting_for[0]} does not answer")
        return not self._waiting_for

    def tell(self, command: str) -> None:
        """Write a line to the program's standard input, if it still reads that."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{command}\n".encode())
                self._process.stdin.flush()

    def check(self) -> None:
        """Raise `ProgramFailedError` when the program has ended."""
        if (code := self._process.poll()) is not None:
            raise self._failure(f"ended with exit code {code}")

    def restart(self) -> "RunningProgram":
        """Stop it, and start it again."""
        stop_all([self])
        return RunningProgram(self.program, log=self.log, folder=self._folder)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the whole group."""
        self._signal_group(signal.SIGTERM)

    def stop(self, *, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds) for the end, then kill what is left."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # all of it has ended
            os.killpg(self._process.pid, number)

    def _failure(self, what: str) -> ProgramFailedError:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LOG_LINES:]
        tail = "".join(f"\n    {line}" for line in lines)
        return ProgramFailedError(f"{self.program.name} {what}. The end of {self.log}:{tail}")


def stop_all(running: Sequence[RunningProgram]) -> None:
    """Stop programs together, the last started asked first, within `STOP_SECONDS`."""
    for program in reversed(running):
        program.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for program in running:
        program.stop(deadline=deadline)
