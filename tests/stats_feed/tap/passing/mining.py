"""A pool on a port and miners that connect to one, over real sockets.

Run by itself, it is a pool on one port, and two miners that connect to another one, where a tap is:
    python -m tests.stats_feed.tap.passing.mining 3333 3334
"""

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import Coroutine, Iterable
from random import Random

from tests.stats_feed.tap.world import Books, MinerSession, PoolSession

MINERS = (1, 2)
LOOPBACK = "127.0.0.1"
RECONNECT_SECONDS = 0.5
JOBS_A_SECOND, SHARES_A_SECOND = 0.5, 1.0
STEADY = 14
"""The power of two that is the difficulty: 70 TH/s of each miner."""


class Steady(Random):
    """Never brings about anything unusual: one difficulty, and no share that is refused."""

    def random(self) -> float:
        return 0.5 + super().random() / 2

    def randint(self, a: int, b: int) -> int:
        return min(max(a, STEADY), b)


POUR = b"pour\n"
"""What makes a pool say more at once than the buffers on the way to a miner hold."""

POURED = b"x" * (8 << 20)

LONGEST_LINE = 1 << 20


class End:
    """One end of a connection, and digests of what it has said and heard."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.said, self.heard = hashlib.sha256(), hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.said.update(data)
        self.writer.write(data)

    async def readline(self) -> bytes:
        try:
            data = await self.reader.readline()
        except ConnectionError:
            return b""
        self.heard.update(data)
        return data


class Pool:
    """A pool on a port, with a session for each connection, in the order of their connects.

    Its answers take `haste` of the time that they say.
    """

    def __init__(
        self,
        books: Books,
        *,
        jobs_a_second: float,
        haste: float = 1.0,
        random: type[Random] = Random,
    ) -> None:
        self._books = books
        self._jobs_a_second = jobs_a_second
        self._haste = haste
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self.served: list[tuple[PoolSession, End]] = []

    @property
    def sessions(self) -> int:
        return len(self.served)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, end = self.sessions, End(reader, writer)
        random = self._random(number)
        session = PoolSession(number, self._books, random, in_order=number % 5 == 0)
        self.served.append((session, end))
        loop = asyncio.get_running_loop()
        is_working = False
        late: set[asyncio.Task[None]] = set()
        while data := await end.readline():
            if data == POUR:
                end.write(POURED)
                continue
            if not is_working:
                is_working = True
                self._spawn(self._work(session, end, random))
            for delay, reply in session.receive(data, loop.time()):
                if delay:
                    task = self._spawn(self._write_later(end, reply, delay * self._haste))
                    late.add(task)
                    task.add_done_callback(late.discard)
                else:
                    end.write(reply)
        if late:
            await asyncio.wait(late)
        writer.close()

    async def _work(self, session: PoolSession, end: End, random: Random) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(random.expovariate(self._jobs_a_second))
            if end.writer.is_closing():
                return
            end.write(session.work(loop.time(), clean=random.random() < 0.2))
            end.write(session.disturb())

    @staticmethod
    async def _write_later(end: End, data: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        end.write(data)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


async def mine(
    random: Random,
    number: int,
    address: tuple[str, int],
    pauses: Iterable[float],
    done: asyncio.Event,
) -> End:
    """Submit a share before each pause, and leave when all is done, or when the pool does."""
    end = End(*await asyncio.open_connection(*address))
    miner = MinerSession(number, random, one_id=number % 5 == 0)
    end.write(miner.begin())

    async def listen() -> None:
        while data := await end.readline():
            for reply in miner.receive(data):
                if not done.is_set():  # then this side says no more
                    end.write(reply)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    for pause in pauses:
        if listening.done():
            break
        end.write(miner.submit())
        await asyncio.sleep(pause)
    else:
        over = asyncio.create_task(done.wait())
        await asyncio.wait([over, listening], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        end.writer.write_eof()
    await listening
    end.writer.close()
    return end


async def mine_for_ever(number: int, port: int) -> None:
    """Mine, and connect again whenever the connection has ended."""
    random = Random(number)
    pauses = iter(lambda: random.expovariate(SHARES_A_SECOND), None)
    while True:
        with contextlib.suppress(OSError):
            await mine(Steady(number), number, (LOOPBACK, port), pauses, asyncio.Event())
        await asyncio.sleep(RECONNECT_SECONDS)


async def main(pool_port: int, tap_port: int) -> None:
    """Serve and mine until the process is ended."""
    pool = Pool(Books(), jobs_a_second=JOBS_A_SECOND, random=Steady)
    async with await asyncio.start_server(pool.serve, LOOPBACK, pool_port):
        await asyncio.gather(*(mine_for_ever(number, tap_port) for number in MINERS))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
