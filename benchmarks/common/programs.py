"""Other processes: what they cost, and how ours are talked to."""

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"

STOP_SECONDS = 30.0
"""How long a program may take to end once its input has."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes, as Linux counts them (VmRSS, VmHWM)."""

    resident: int
    peak: int


def find(name: str) -> str | None:
    """The path of a program: from the PATH, else from what `scripts/tools.sh NAME` fetched."""
    return shutil.which(name) or shutil.which(name, path=str(TOOLS))


def cpu_seconds(pid: int) -> float:
    """CPU time that a running process has taken so far, all of its threads together."""
    # Linux's clock of a process (clock_getcpuclockid): to the nanosecond, where /proc counts in
    # hundredths of a second.
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid: int) -> Memory:
    """What a running process takes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    resident, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return Memory(resident=resident, peak=peak)


class Program:
    """A module of this package as a process of its own, which ends when its input does.

    It answers in lines of JSON on its standard output.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, type_: type[T]) -> T:
        """Send it an empty line; gives its answer."""
        if self.process.stdin is not None:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return self.read(type_)

    def read(self, type_: type[T]) -> T:
        """The next line of its output. Raises RuntimeError when it has ended instead."""
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            raise RuntimeError(f"a program of benchmarks ended: {self.process.wait(STOP_SECONDS)}")
        return msgspec.json.decode(line, type=type_)

    def end(self, type_: type[T]) -> T:
        """End its input; gives its last line."""
        output, _ = self.process.communicate(timeout=STOP_SECONDS)
        return msgspec.json.decode(output, type=type_)


def answer(value: object) -> None:
    """What a `Program` says: one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
