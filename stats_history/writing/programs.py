"""This module finds the programs of Prometheus that the import runs."""

import ctypes
import shutil
import signal
from pathlib import Path

from stats_history.errors import HistoryError

_TOOLS = Path(".tools", "bin")
_PR_SET_PDEATHSIG = 1


def find_program(name: str) -> str:
    """The path of `promtool` or `prometheus`: on the PATH, else in .tools/bin."""
    found = shutil.which(name) or shutil.which(name, path=str(_TOOLS))
    if found is None:
        raise HistoryError(
            f"there is no {name} on the PATH: run the import where Prometheus is installed, "
            f"or put {name} of the same version there"
        )
    return found


def die_with_parent() -> None:
    """Have Linux end the calling child process when the import is killed; elsewhere do nothing."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
