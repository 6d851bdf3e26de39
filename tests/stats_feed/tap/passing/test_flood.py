"""A flood of lines is passed on and counted, in bounded memory, while others go on."""

import threading

import pytest

from stats_feed.tap.passing import reading
from stats_feed.tap.reader.facts import Direction, Unreadable
from tests.stats_feed.tap.reader.dialogues import answer, ask, submit
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, Pool, RunningTap

LINES = 200_000


@pytest.mark.parametrize("loop", EACH_LOOP)
def test_a_flood_of_lines_is_counted_to_the_line_and_holds_up_nobody_else(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_COPIED_BYTES", 1 << 20)
    most = 0
    original = reading.LateReading.put

    def watched(self: reading.LateReading, *args: object) -> bool:
        nonlocal most
        is_much = original(self, *args)  # type: ignore[arg-type]  # as it was called
        most = max(most, self._bytes)
        return is_much

    monkeypatch.setattr(reading.LateReading, "put", watched)
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, loop=LOOPS[loop]) as tap,
        tap.connect() as attacker,
        pool.accept() as target,
        tap.connect() as miner,
        pool.accept() as upstream,
    ):
        data = b"no json\n" * LINES
        sender = threading.Thread(target=attacker.send, args=(data,))
        receiver = threading.Thread(target=target.read, args=(len(data),))
        sender.start()
        receiver.start()
        for number in range(50):
            share, yes = submit(number)[1], answer(number, True)[1]
            miner.send(share)
            assert upstream.read(len(share)) == share
            upstream.send(yes)
            assert miner.read(len(yes)) == yes
        sender.join()
        receiver.join()
        attacker.send(ask("mining.subscribe", "the end")[1])
        key = Direction.TO_POOL, Unreadable.NOT_JSON
        tap.wait_until(lambda tap: tap.counts.unread[key] == LINES)
        tap.wait_until(lambda tap: tap.snapshot()["totals"]["shares_submitted"] == 50)
        target.end()
        assert attacker.is_closed()
    # Each of two connections may go beyond the bound by what one read of a socket gives.
    assert most < 3 * (1 << 20)
