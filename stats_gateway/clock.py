"""Time, read at the edge and passed in as a value."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on two clocks."""

    monotonic: float
    """Seconds that never jump: what freshness and expiry are judged by."""
    unix: float
    """Seconds since 1970 by this machine: what is shown."""


def read_clock() -> Now:
    """The present moment."""
    return Now(monotonic=time.monotonic(), unix=time.time())
