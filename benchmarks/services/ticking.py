"""`stats-proxy` with a task that ticks on its event loop; at its end it says how late each was."""

import asyncio
import contextlib
import os
import sys
import time
from dataclasses import dataclass

from benchmarks.common.programs import answer
from exporters.access.listeners import open_gates
from exporters.exposition.families.proxy import LAYOUT
from exporters.logs import configure_logging
from exporters.service import serve
from exporters.settings.command_line import parse_command_line
from exporters.settings.config import build_config
from stats_gateway.wire.services import Service

TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Tick:
    """One turn of the loop. Seconds; `at` by the monotonic clock, which all processes share."""

    at: float
    late: float
    busy: float
    """CPU time that the service took while the task waited, at most `late`.

    The rest of `late` it did not run: the machine was busy with others.
    """


async def _tick(ticks: list[Tick]) -> None:
    while True:
        due, cpu = time.monotonic() + TICK_SECONDS, time.process_time()
        await asyncio.sleep(TICK_SECONDS)
        now = time.monotonic()
        late = now - due
        ticks.append(Tick(at=now, late=late, busy=min(late, time.process_time() - cpu)))


async def _serve() -> list[Tick]:
    command_line = parse_command_line(Service.PROXY, sys.argv[1:])
    config = build_config(Service.PROXY, command_line.flags, os.environ, {})
    configure_logging(config.log_level, config.log_format)
    ticks: list[Tick] = []
    ticking = asyncio.create_task(_tick(ticks))
    await serve(Service.PROXY, LAYOUT, config, open_gates(config))
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking
    return ticks


if __name__ == "__main__":
    answer(asyncio.run(_serve()))
