"""What real pools and miners said to each other is counted as the pool counted it."""

from pathlib import Path

import pytest

from stats_feed.tap.books.counts import Counts
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.reader.facts import Direction
from stats_gateway.sender import MinerTracker, Totals
from tests.stats_feed.tap.reader.dialogues import NOW
from tests.support.programs import ROOT

RECORDED = ROOT / "tests" / "fuzz" / "corpus" / "tap"
"""Lines for the pool begin with `>`, and lines for the miner with `<`."""


def replayed(path: Path) -> Totals:
    tracker = MinerTracker()
    session = Book(tracker, Counts()).open(None, NOW)
    for second, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        way = Direction.TO_MINER if line.startswith(b"<") else Direction.TO_POOL
        session.read(way, line[1:], NOW + second)
    return tracker.snapshot(NOW)["totals"]


@pytest.mark.parametrize(
    ("name", "accepted", "work", "rejected"),
    [
        (
            "public-pool", 6, 6 * 0.00002,
            {"stale": 2, "duplicate": 2, "low_difficulty": 1, "unauthorized": 0, "other": 1},
        ),
    ],
)  # fmt: skip
def test_a_recorded_dialogue_is_counted_as_its_pool_counted_it(
    name: str, accepted: int, work: float, rejected: dict[str, int]
) -> None:
    totals = replayed(RECORDED / f"{name}.dialogue")
    assert totals["shares_submitted"] == accepted
    assert totals["work"] == pytest.approx(work)
    assert totals["shares_rejected_by"] == rejected
