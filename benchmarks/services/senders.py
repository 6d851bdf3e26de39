"""Runs many senders in one process, with snapshots made beforehand, until the input ends."""

import asyncio
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import msgspec

from benchmarks.common import fleet
from benchmarks.common.clients import WELCOME_BYTES, Address
from benchmarks.common.programs import Program, answer
from stats_gateway.sender.wire import Hello, encode_hello

SPARE_FILES = 64
CONNECTING = 64
"""At once."""

SENDERS_PER_ADDRESS = 100
"""Each hundred have a loopback address of their own, since a service bounds what one may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is sent, and to whom."""

    services: tuple[Address, ...]
    """The senders connect to them in turn."""
    senders: int
    miners: int
    """Of each sender."""
    interval: float
    """Seconds between two snapshots of a sender."""
    shape: fleet.Shape
    """One of frames."""
    snapshots: int
    """Made beforehand. After the last one comes the first one again, and counters fall."""


def source(number: int) -> str:
    """The name of the sender of that number, counted from 0."""
    return f"translator-{number:04}"


def sending_program(sending: Sending) -> Program:
    """These senders in a process of their own, once all of them have connected."""
    program = Program("services.senders", msgspec.json.encode(sending).decode())
    program.read(int)
    return program


class Crowd:
    """Senders whose turns are spread evenly over one interval."""

    def __init__(self, sending: Sending) -> None:
        self._services = sending.services
        self._senders = sending.senders
        self._interval = sending.interval
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        """Connect all of them, each with its `Hello`."""
        gate = asyncio.Semaphore(CONNECTING)
        await asyncio.gather(*(self._connect(number, gate) for number in range(self._senders)))

    async def _connect(self, number: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            own = f"127.0.0.{1 + number // SENDERS_PER_ADDRESS}"
            host, port = self._services[number % len(self._services)]
            reader, writer = await asyncio.open_connection(host, port, local_addr=(own, 0))
            hello = Hello(source=source(number), interval=self._interval)
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


async def _run(sending: Sending) -> None:
    frames = list(islice(fleet.messages(sending.miners, sending.shape), sending.snapshots))
    _allow_files(sending.senders + SPARE_FILES)
    crowd = Crowd(sending)
    await crowd.connect()
    answer(sending.senders)
    turns = asyncio.create_task(crowd.send(frames))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait((turns, ended), return_when=asyncio.FIRST_COMPLETED)
    if turns.done():
        turns.result()
    turns.cancel()


def main() -> None:
    """`python -m benchmarks.services.senders SENDING`, a `Sending` as JSON."""
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Sending)))


if __name__ == "__main__":
    main()
