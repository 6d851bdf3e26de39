"""Waiting for something to become true, and for a time that a rule names."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.02

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 45.0, what: str = "") -> T:
    """Ask `condition` again until what it gives is true, and give that; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(POLL_SECONDS)
    return result


def sleep_until(moment: float) -> None:
    """Let time pass until the monotonic `moment`: for rules that are about time itself."""
    time.sleep(max(0.0, moment - time.monotonic()))
