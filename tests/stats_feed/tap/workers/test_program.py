"""Several processes on one port: what dies takes nothing else with it, and no count falls."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.stats_feed.tap.programs import Program, connect, is_running, running
from tests.stats_feed.tap.reader.dialogues import answer, ask, submit
from tests.stats_feed.tap.taps import Peer, Pool
from tests.support.until import until

MINERS = 24


class Mine:
    """Miners that are connected, each with its pool's end, and what they have sent."""

    def __init__(self, tap: Program, pool: Pool) -> None:
        self.tap, self._pool = tap, pool
        self._stack = ExitStack()
        self.pairs: list[tuple[Peer, Peer]] = []
        self.shares = 0

    def connect(self, count: int) -> None:
        for _ in range(count):
            miner = self._stack.enter_context(connect(self.tap.miners))
            upstream = self._stack.enter_context(self._pool.accept())
            self.pairs.append((miner, upstream))
            exchange(miner, upstream, ask("mining.authorize", "farm.w1", "x")[1], 1)

    def share(self, miner: Peer, upstream: Peer) -> None:
        self.shares += 1
        exchange(miner, upstream, submit(self.shares)[1], self.shares)

    def living(self) -> list[tuple[Peer, Peer]]:
        """Those whose connection has not ended."""
        found = []
        for miner, upstream in self.pairs:
            miner.socket.settimeout(0.2)
            try:
                if miner.socket.recv(1):
                    found.append((miner, upstream))
            except TimeoutError:
                miner.socket.settimeout(60)
                found.append((miner, upstream))
            except OSError:
                pass
        return found

    def close(self) -> None:
        self._stack.close()


def exchange(miner: Peer, upstream: Peer, data: bytes, id_: int) -> None:
    miner.send(data)
    assert upstream.read(len(data)) == data
    yes = answer(id_, True)[1]
    upstream.send(yes)
    assert miner.read(len(yes)) == yes


def accepted(tap: Program) -> float:
    return tap.metrics()["stats_feed_tap_shares_total tap accepted"]


@pytest.fixture
def mine() -> Iterator[Mine]:
    with (
        Pool() as pool,
        running("--upstream", pool.name, "--to=127.0.0.1:1", "--workers=2") as tap,
    ):
        until(lambda: tap.log.count("listening on") == 2)
        mine = Mine(tap, pool)
        workers = tap.workers()
        yield mine
        mine.close()
        for pid in {*workers, *tap.workers()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


pytestmark = pytest.mark.timeout(180)


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_its_own_miners_with_it_and_no_count_falls(
    mine: Mine,
) -> None:
    tap = mine.tap
    mine.connect(MINERS)
    for pair in mine.pairs:
        mine.share(*pair)
    until(lambda: accepted(tap) == MINERS)
    until(lambda: tap.metrics()["stats_feed_rows tap"] == MINERS)
    victim = tap.workers()[0]
    os.kill(victim, signal.SIGKILL)
    living = mine.living()
    assert 0 < len(living) < MINERS
    until(lambda: tap.metrics()["stats_feed_rows tap"] == len(living))
    assert accepted(tap) == MINERS
    for pair in living:
        mine.share(*pair)
    until(lambda: accepted(tap) == MINERS + len(living))
    until(lambda: len(tap.workers()) == 2 and victim not in tap.workers())
    mine.connect(MINERS)
    until(lambda: tap.metrics()["stats_feed_rows tap"] == MINERS + len(living))
    ids = tap.metrics()["stats_feed_tap_connections tap"]
    assert ids == MINERS + len(living)


def test_when_the_process_that_sends_is_killed_the_miners_go_on_and_the_workers_end_with_them(
    mine: Mine,
) -> None:
    tap = mine.tap
    mine.connect(8)
    workers = tap.workers()
    tap.process.kill()
    tap.process.wait(60)
    for pair in mine.pairs:
        mine.share(*pair)
    mine.close()
    until(lambda: not any(is_running(pid) for pid in workers))


def test_sigterm_ends_all_workers_and_what_they_have_counted_is_told(mine: Mine) -> None:
    mine.connect(4)
    log = mine.tap.stop()
    assert log.rstrip().endswith("stopped")
