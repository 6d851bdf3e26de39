"""The time is read at the edge of the program, and passed on as a value."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on two clocks."""

    monotonic: float
    """Seconds that never jump; freshness and expiry are judged by them."""
    unix: float
    """Seconds since 1970 by this machine's clock, which are shown to people."""


def read_clock() -> Now:
    """The present moment."""
    return Now(monotonic=time.monotonic(), unix=time.time())
