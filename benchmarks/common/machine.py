"""Where it was measured, and how much of that machine there was."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured."""

    python: str
    processor: str
    cores: int
    load: tuple[float, float]
    """Processes that wanted to run, averaged over a minute: at the start and at the end.

    The end's includes the benchmarks' own; what the start has above 0 disturbed them.
    """
    stolen: float
    """Of the processor time that anything here wanted, the share that the host kept for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorTime:
    """Of all processors since they started, in hundredths of a second."""

    wanted: int
    stolen: int

    @classmethod
    def read(cls, stat: str) -> Self:
        """From the text of /proc/stat, see proc(5)."""
        user, nice, system, _idle, _iowait, irq, softirq, stolen = map(int, stat.split()[1:9])
        return cls(wanted=user + nice + system + irq + softirq + stolen, stolen=stolen)

    def stolen_since(self, before: Self) -> float:
        """The share that was stolen of what was wanted since `before`."""
        wanted = self.wanted - before.wanted
        return (self.stolen - before.stolen) / wanted if wanted else 0.0


class Watch:
    """On the machine, from the start of a run to its end."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._time = _processor_time()

    def machine(self) -> Machine:
        """What there was of it so far."""
        return Machine(
            python=platform.python_version(),
            processor=_processor(),
            cores=os.cpu_count() or 0,
            load=(self._load, os.getloadavg()[0]),
            stolen=_processor_time().stolen_since(self._time),
        )


def _processor_time() -> ProcessorTime:
    return ProcessorTime.read(Path("/proc/stat").read_text())


def _processor() -> str:
    info = Path("/proc/cpuinfo").read_text()
    names = (line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line)
    return next(names, platform.machine())
