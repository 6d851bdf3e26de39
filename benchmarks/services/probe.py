"""Asks a service whether it is healthy, every few milliseconds until the input ends.

A process of its own, so that nothing but the service and the machine delays an answer. How late the
machine itself wakes it is recorded too: what the machine does to a process that waits.
"""

import select
import sys
import time
from dataclasses import dataclass

from benchmarks.common.clients import Scraper
from benchmarks.common.programs import answer

PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Probed:
    """Seconds."""

    latencies: list[float]
    """Of each answer."""
    lateness: list[float]
    """Of each wake-up."""


def main() -> None:
    """`python -m benchmarks.services.probe HOST PORT`."""
    scraper = Scraper((sys.argv[1], int(sys.argv[2])))
    scraper.get("/-/healthy")
    answer("ready")
    probed = Probed([], [])
    began = time.perf_counter()
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        woken = time.perf_counter()
        probed.lateness.append(woken - began - PAUSE_SECONDS)
        scraper.get("/-/healthy")
        began = time.perf_counter()
        probed.latencies.append(began - woken)
    answer(probed)


if __name__ == "__main__":
    main()
