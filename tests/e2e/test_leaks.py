"""Senders that come, go and change their rows leave neither memory nor open files behind."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.e2e.harness.rows import connection, connection_snapshot, miner, miner_snapshot
from tests.e2e.harness.service import GZIP, OPENMETRICS, TEXT, Kind, Service, client
from tests.e2e.harness.wire import Message, connected, frame, line

pytestmark = pytest.mark.slow

SENDERS = 40
"""Connections of one round, one after the other, each with two snapshots."""

ROWS = 60
WARMING = 3
ROUNDS = 6
FILES = 2
GROWTH_BYTES = 3 << 20
"""Less than the bytes of the snapshots after the warming: to keep no more than those would show."""


@pytest.mark.parametrize("kind", ["proxy", "pool"])
def test_hundreds_of_connections_leave_memory_and_open_files_as_they_were(kind: Kind) -> None:
    with Service(kind) as service:
        numbers = count()
        for _ in range(WARMING):
            one_round(service, numbers)
        memory, files = service.resident_bytes(), service.open_files()
        for _ in range(ROUNDS):
            one_round(service, numbers)
        assert service.resident_bytes() - memory < GROWTH_BYTES
        assert service.open_files() <= files + FILES
        assert not service.errors()


def one_round(service: Service, numbers: Iterator[int]) -> None:
    """Named and unnamed senders in both encodings, whose names and rows are always new ones."""
    for place in range(SENDERS):
        with connected(service.ingest, (frame, line)[place % 2]) as sender:
            if place % 4 < 2:
                sender.hello(f"source-{place % 8}")
            sender.say(snapshot(service.kind, next(numbers)))
            sender.say(snapshot(service.kind, next(numbers)))
            if place % 3 == 0:
                sender.reset()
    with client(service.web) as scraper:
        for headers in (TEXT, TEXT | GZIP, OPENMETRICS):
            scraper.scrape(headers)
        for path in ("/", "/api/stats", "/health"):
            scraper.get(path)


def snapshot(kind: Kind, number: int) -> Message:
    """Rows that no other snapshot has."""
    ids = range(number * ROWS, (number + 1) * ROWS)
    if kind == "pool":
        rows = [connection(one, "Mint", name=f"mint-{one}") for one in ids]
        return connection_snapshot(rows, listen_address=f"pool:{number}")
    return miner_snapshot([miner(one, f"miner-{one}") for one in ids])
