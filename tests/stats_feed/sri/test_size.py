"""5,000 miners or clients: what one reading costs, in CPU time, requests and memory."""

import time
import tracemalloc

import pytest

from stats_feed.sri.api.reading import Answer, read
from stats_feed.sri.pool import Pool as PoolFeed
from stats_feed.sri.sessions import Moment
from stats_feed.sri.translator import Translator as TranslatorFeed
from stats_gateway.sender import ConnectionType, Snapshot
from stats_gateway.sender.wire import encode_snapshot
from tests.stats_feed.sri.programs import Pool, Translator, drive

CLIENTS = 5000
CPU_SECONDS = 3.0
"""The bound is 1 s of one core; a processor may have a third of that one's speed."""
MEMORY_BYTES = 64 * 1024 * 1024
"""Beside the answers themselves: what is read, what is kept, what is sent."""


def moment(second: float) -> Moment:
    return Moment(unix=1.7e9 + second, monotonic=second, answered=second)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Translator, Pool])
def test_five_thousand_rows_are_read_within_a_second_and_bounded_memory(
    kind: type[Translator] | type[Pool],
) -> None:
    program = kind()
    program.uptime = 5000.0
    for number in range(CLIENTS):
        line = program.open_channel(program.connect(f"farm1.rig-{number:05d}"))
        line.share(1e5)
        line.refuse("stale-share")
    program.refresh()
    translator = TranslatorFeed(0.0, redact_ip=False, upstream=None)
    pool = PoolFeed(0.0, unknown_type=ConnectionType.TRANSLATOR, redact_ip=False, by_channel=False)
    answers: dict[str, Answer] = {}

    def answer(target: str) -> Answer:
        if target not in answers:
            answers[target] = program.answer(target)
        return answers[target]

    def poll(second: float) -> None:
        reading = drive(read(), answer)
        snapshot: Snapshot
        if kind is Translator:
            miners = translator.snapshot(reading, moment(second))
            assert len(miners["miners"]) == CLIENTS
            snapshot = miners
        else:
            connections, _ = pool.snapshots(reading, moment(second))
            assert len(connections["connections"]) == CLIENTS
            snapshot = connections
        encode_snapshot(snapshot)

    drive(read(), answer)  # the program's own work is done before the clock starts
    began = time.thread_time()
    poll(1.0)
    assert time.thread_time() - began < CPU_SECONDS
    tracemalloc.start()
    poll(2.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_BYTES
