"""The requests and the memory that it takes to read many miners; `make bench` has the time."""

import tracemalloc

import pytest

from stats_feed.sri.api.reading import PAGE, Answer, read
from stats_feed.sri.pool import Pool as PoolFeed
from stats_feed.sri.sessions import Moment
from stats_feed.sri.translator import Translator as TranslatorFeed
from stats_gateway.sender import ConnectionType, Snapshot
from stats_gateway.sender.wire import encode_snapshot
from tests.stats_feed.sri.programs import Pool, Translator, drive

CLIENTS = 1000
LISTS = 2
"""A translator's miners and channels; a pool's clients, and its metrics in one request."""
CLIENT_BYTES = 6 * 1024
"""Of each client, beside the answers themselves: what is read, what is kept, what is sent."""


def moment(second: float) -> Moment:
    return Moment(unix=1.7e9 + second, monotonic=second, answered=second)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Translator, Pool])
def test_many_rows_are_read_in_pages_and_in_bounded_memory(
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

    poll(1.0)
    assert len(program.requests) <= LISTS * CLIENTS // PAGE + 2
    tracemalloc.start()
    poll(2.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < CLIENTS * CLIENT_BYTES
