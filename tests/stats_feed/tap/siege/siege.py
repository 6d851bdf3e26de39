"""A tap of two processes, besieged while miners mine through it, and what must hold all the while.

The pool keeps its own books, which the tap's equal to the share, but for what was on its way
through a process that was killed: that is never counted twice.
"""

import asyncio
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, cast

from tests.security.crowd import LOOPBACK, crowd_of
from tests.stats_feed.tap.passing.mining import LONGEST_LINE, End, Pool, mine
from tests.stats_feed.tap.programs import Program, is_running, running
from tests.stats_feed.tap.world import Books, assert_rows, assert_totals
from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.until import until

if TYPE_CHECKING:
    from stats_gateway.sender import MinerSnapshot

MINERS = 8
"""Of each of three waves."""

SHARES_A_SECOND, JOBS_A_SECOND = 10.0, 1.0
"""Of each miner."""

HASTE = 0.1
WORKERS = 2
SPARE_FILES = 500
PROCESS_BYTES, CONNECTION_BYTES = 200 << 20, 24 << 10
"""What the tap may take for each of its processes, floods on their way included, and besides for
each connection."""

PATIENCE_SECONDS = 60.0
ACCEPTED = "stats_feed_tap_shares_total tap accepted"
CONNECTIONS = "stats_feed_tap_connections tap"


class Miners:
    """All that have come; each has a number and a name of its own."""

    def __init__(self, pool: Pool, books: Books, tap: Program) -> None:
        self._pool, self._books, self._tap = pool, books, tap
        self._tasks: dict[int, asyncio.Task[End]] = {}
        self._waves: list[asyncio.Event] = []
        """Each is set when the miners of that wave are to submit no more."""
        self._done = asyncio.Event()

    @property
    def there(self) -> set[int]:
        """The numbers of those whose connection has not ended."""
        return {number for number, task in self._tasks.items() if not task.done()}

    async def come(self) -> set[int]:
        """Let a wave of them begin to mine."""
        self._waves.append(resting := asyncio.Event())
        # Where 5 divides a number, its miner has one id for all requests.
        first = 5 * len(self._tasks) + 1
        wave = {first + 5 * number for number in range(MINERS)}
        for number in wave:
            pauses = _pauses(Random(f"pauses {number}"), resting)
            mining = mine(Random(number), number, self._tap.miners, pauses, self._done)
            self._tasks[number] = asyncio.create_task(mining)
        await self.go_on(wave)
        return wave

    async def go_on(self, numbers: set[int]) -> None:
        """Wait until those of them that are there have got ten more answers each."""
        before = self._answered()

        def have_got_more() -> bool:
            answered = self._answered()
            return all(answered[one] > before[one] + 9 for one in numbers & self.there)

        await eventually(have_got_more)

    def _answered(self) -> Counter[int]:
        answered: Counter[int] = Counter()
        for told in (self._books.accepted, self._books.rejected):
            for (number, _), count in told.items():
                answered[number] += count
        return answered

    def reset(self, number: int) -> None:
        """Reset the connection of one of them, at the pool's end."""
        for session, end in self._pool.served:
            if session.number == number and session.workers:
                end.writer.transport.abort()

    def rest(self) -> None:
        """Let them submit no more."""
        for wave in self._waves:
            wave.set()

    async def leave(self) -> None:
        """Let all leave, and hold what both ends have said and heard against each other."""
        pools = {session.number: end for session, end in self._pool.served if session.workers}
        there = self.there
        self._done.set()
        for number in there:
            ours, its = await self._tasks[number], pools[number]
            assert its.heard.digest() == ours.said.digest()
            assert its.said.digest() == ours.heard.digest()


def _pauses(random: Random, until_set: asyncio.Event) -> Iterator[float]:
    while not until_set.is_set():
        yield random.expovariate(SHARES_A_SECOND)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is about what other processes do
            await asyncio.sleep(0.05)


async def besiege_tap(seed: int, seconds: float, half_open: int) -> None:
    """Mine through a tap with so many connections that are half open, and others that are worse.

    Raises AssertionError, TimeoutError.
    """
    books = Books()
    pool = Pool(books, jobs_a_second=JOBS_A_SECOND, haste=HASTE)
    server = await asyncio.start_server(pool.serve, LOOPBACK, 0, backlog=4096, limit=LONGEST_LINE)
    port = server.sockets[0].getsockname()[1]
    with (
        many_files(),
        _Gateway() as gateway,
        running(f"--upstream={LOOPBACK}:{port}", f"--to={gateway.name}", f"--workers={WORKERS}")
        as tap,
    ):  # fmt: skip
        until(lambda: tap.log.count("listening on") == WORKERS)
        miners = Miners(pool, books, tap)
        wave = await miners.come()
        crowd = crowd_of("tests.stats_feed.tap.siege.crowd", str(tap.miners[1]), str(half_open),
                         str(seed))  # fmt: skip
        async with _watched(tap) as metrics:
            with ExitStack() as stack:
                await asyncio.to_thread(stack.enter_context, crowd)
                await eventually(lambda: metrics[CONNECTIONS] > half_open)
                await asyncio.sleep(seconds)
                await miners.go_on(wave)
                assert miners.there == wave
                await _is_exact(miners, gateway, books)
                assert_totals(gateway.newest, books)
                await _accidents(seed, tap, miners)
                await _is_exact(miners, gateway, books)
                assert metrics[ACCEPTED] <= books.accepted.total()
            await eventually(lambda: metrics[CONNECTIONS] == len(miners.there))
        await _killed(tap, miners)
    server.close()


async def _is_exact(miners: Miners, gateway: "_Gateway", books: Books) -> None:
    miners.rest()

    def are_equal() -> bool:
        try:
            assert_rows(gateway.newest, books.of(miners.there))
        except AssertionError:
            return False
        return True

    try:
        await eventually(are_equal)
    except TimeoutError:
        assert_rows(gateway.newest, books.of(miners.there))


async def _accidents(seed: int, tap: Program, miners: Miners) -> None:
    """A worker is killed in the midst of it, and a miner's connection is reset."""
    random = Random(seed)
    wave = await miners.come()
    os.kill(random.choice(tap.workers()), signal.SIGKILL)
    miners.reset(random.choice(sorted(wave)))
    await asyncio.to_thread(until, lambda: tap.log.count("listening on") == WORKERS + 1)
    await miners.go_on(wave)
    await miners.come()


async def _killed(tap: Program, miners: Miners) -> None:
    """The process that sends is killed; its workers pass on for whoever is there, and then end."""
    wave, workers = await miners.come(), tap.workers()
    tap.process.kill()
    await miners.go_on(wave)
    assert wave <= miners.there
    miners.rest()
    await miners.leave()
    await eventually(lambda: not any(is_running(pid) for pid in workers))


class _Gateway(threading.Thread):
    """Keeps the newest snapshot."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._gateway = PlainGateway()
        self.name = "{}:{}".format(*self._gateway.listen().address)
        self.newest: MinerSnapshot

    def run(self) -> None:
        with self._gateway.accept() as peer:
            peer.welcome()
            try:
                while True:
                    self.newest = cast("MinerSnapshot", peer.read()["MinerSnapshot"])
            except (EOFError, OSError):
                pass

    def __enter__(self) -> "_Gateway":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.close()


@asynccontextmanager
async def _watched(tap: Program) -> AsyncIterator[dict[str, float]]:
    """The tap's metrics, always the newest: no counter may fall, and memory is in bounds."""
    metrics = await asyncio.to_thread(tap.metrics)

    async def watch() -> None:
        while True:
            newest = await asyncio.to_thread(tap.metrics)
            fallen = [key for key in metrics if "_total" in key and newest[key] < metrics[key]]
            assert not fallen
            processes = [tap.process.pid, *tap.workers()]
            most = len(processes) * PROCESS_BYTES + newest[CONNECTIONS] * CONNECTION_BYTES
            assert sum(map(_resident, processes)) < most
            metrics.update(newest)
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        yield metrics
        watching.cancel()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


@contextmanager
def many_files() -> Iterator[None]:
    """Allows this process as many files as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def as_many(wanted: int) -> int:
    """So many half-open miners, or as many as this machine lets one process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - SPARE_FILES)
