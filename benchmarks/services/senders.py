"""Runs many small senders in one process, with snapshots made beforehand, until the input ends."""

import asyncio
import resource
import sys
from collections.abc import Iterator
from itertools import cycle, islice

from benchmarks.common import fleet
from benchmarks.common.clients import WELCOME_BYTES
from benchmarks.common.programs import answer
from stats_gateway.sender.wire import Hello, encode_hello

SPARE_FILES = 64
CONNECTING = 64
"""At once."""

SENDERS_PER_ADDRESS = 100
"""Each hundred have a loopback address of their own, since a service bounds what one may name."""


class Crowd:
    """Senders whose turns are spread evenly over one interval."""

    def __init__(self, host: str, port: int, senders: int, interval: float) -> None:
        self._address = host, port
        self._senders = senders
        self._interval = interval
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        """Connect all of them, each with its `Hello`."""
        gate = asyncio.Semaphore(CONNECTING)
        await asyncio.gather(*(self._connect(number, gate) for number in range(self._senders)))

    async def _connect(self, number: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            own = f"127.0.0.{1 + number // SENDERS_PER_ADDRESS}"
            reader, writer = await asyncio.open_connection(*self._address, local_addr=(own, 0))
            hello = Hello(source=f"translator-{number:04}", interval=self._interval)
            writer.write(encode_hello(hello))
            await reader.read(WELCOME_BYTES)
            self._writers.append(writer)

    async def send(self, frames: list[bytes]) -> None:
        """Send for ever, `frames` in turn."""
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), self._interval / self._senders
        for turn, (frame, writer) in enumerate(self._turns(frames)):
            await asyncio.sleep(began + turn * pause - loop.time())
            writer.write(frame)
            await writer.drain()

    def _turns(self, frames: list[bytes]) -> Iterator[tuple[bytes, asyncio.StreamWriter]]:
        # A frame per round, so that each sender's rows change every time.
        rounds = (frame for frame in cycle(frames) for _ in range(self._senders))
        return zip(rounds, cycle(self._writers), strict=False)


def _allow_files(files: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


async def _run(host: str, port: int, senders: int, miners: int, interval: float) -> None:
    frames = list(islice(fleet.messages(miners, fleet.Shape.FULL), 4))
    _allow_files(senders + SPARE_FILES)
    crowd = Crowd(host, port, senders, interval)
    await crowd.connect()
    answer(senders)
    sending = asyncio.create_task(crowd.send(frames))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait((sending, ended), return_when=asyncio.FIRST_COMPLETED)
    if sending.done():
        sending.result()
    sending.cancel()


def main() -> None:
    """`python -m benchmarks.services.senders HOST PORT SENDERS MINERS INTERVAL`."""
    host, port, senders, miners, interval = sys.argv[1:]
    asyncio.run(_run(host, int(port), int(senders), int(miners), float(interval)))


if __name__ == "__main__":
    main()
