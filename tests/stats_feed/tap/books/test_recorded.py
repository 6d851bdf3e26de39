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

REASONS = ("stale", "duplicate", "low_difficulty", "unauthorized", "other")


def replayed(path: Path) -> Totals:
    tracker = MinerTracker()
    session = Book(tracker, Counts()).open(None, NOW)
    for second, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        way = Direction.TO_MINER if line.startswith(b"<") else Direction.TO_POOL
        session.read(way, line[1:], NOW + second)
    return tracker.snapshot(NOW)["totals"]


@pytest.mark.parametrize(
    ("name", "accepted", "difficulty", "rejected"),
    [
        ("public-pool", 6, 0.00002, (2, 2, 1, 0, 1)),
        ("ckpool-lhr", 5, 0.0003, (2, 2, 1, 1, 1)),
        ("sri-translator", 3, 0.00001396985828350239, (1, 2, 1, 1, 0)),
    ],
)
def test_a_recorded_dialogue_is_counted_as_its_pool_counted_it(
    name: str, accepted: int, difficulty: float, rejected: tuple[int, ...]
) -> None:
    totals = replayed(RECORDED / f"{name}.dialogue")
    assert totals["shares_submitted"] == accepted
    assert totals["work"] == pytest.approx(accepted * difficulty)
    assert totals["shares_rejected_by"] == dict(zip(REASONS, rejected, strict=True))
