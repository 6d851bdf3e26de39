"""One snapshot of the parts of several workers."""

from stats_feed.tap.books.counts import Counts, Ending, UpstreamFailure, Verdict
from stats_feed.tap.workers.assembly import Assembly, Part
from stats_gateway.sender import MinerTracker, RejectReason


class Worker:
    """What one worker would report."""

    def __init__(self, first: int) -> None:
        self.tracker, self.counts, self.first = MinerTracker(), Counts(), first

    def mine(self, shares: int, stale: int = 0) -> None:
        self.tracker.connect(self.first, f"w{self.first}", None, 0.0)
        for _ in range(shares):
            self.tracker.share_accepted(self.first, 2.0, 1.0)
            self.counts.verdicts[Verdict.ACCEPTED] += 1
        for _ in range(stale):
            self.tracker.share_rejected(self.first, RejectReason.STALE)
        self.counts.connections = 1
        self.counts.added.observe(0.001)

    def part(self) -> Part:
        counts = Counts()
        counts.add(self.counts)
        return Part(snapshot=self.tracker.snapshot(60.0), counts=counts)


def test_rows_are_joined_and_totals_and_counts_added_up() -> None:
    assembly, one, other = Assembly(), Worker(2), Worker(1)
    one.mine(3, stale=1)
    other.mine(2)
    other.counts.upstream_failures["a:1", UpstreamFailure.TIMEOUT] += 2
    assembly.report(0, one.part())
    assembly.report(1, other.part())
    snapshot = assembly.snapshot(60.0)
    assert [row["name"] for row in snapshot["miners"]] == ["w1", "w2"]
    totals = snapshot["totals"]
    assert (totals["shares_submitted"], totals["work"]) == (5, 10.0)
    assert totals["shares_rejected_by"]["stale"] == 1
    counts = assembly.counts()
    assert (counts.connections, counts.verdicts[Verdict.ACCEPTED]) == (2, 5)
    assert counts.upstream_failures["a:1", UpstreamFailure.TIMEOUT] == 2
    assert sum(counts.added.counts) == 2


def test_a_newer_part_replaces_an_older_one_and_tells_when_rows_have_changed() -> None:
    assembly, worker = Assembly(), Worker(1)
    worker.mine(1)
    assembly.report(0, worker.part())
    assert assembly.changed.is_set()
    assembly.changed.clear()
    worker.tracker.share_accepted(1, 2.0, 1.0)
    assembly.report(0, worker.part())
    assert not assembly.changed.is_set()
    assert assembly.snapshot(60.0)["totals"]["shares_submitted"] == 2
    worker.tracker.disconnect(1)
    assembly.report(0, worker.part())
    assert assembly.changed.is_set()


def test_what_a_worker_has_counted_stays_when_it_is_gone_and_its_rows_go() -> None:
    assembly, one, other = Assembly(), Worker(1), Worker(2)
    one.mine(3)
    other.mine(4)
    one.counts.ended[Ending.SILENT] += 1
    assembly.report(0, one.part())
    assembly.report(1, other.part())
    assembly.end(0)
    assembly.end(0)
    snapshot, counts = assembly.snapshot(60.0), assembly.counts()
    assert [row["name"] for row in snapshot["miners"]] == ["w2"]
    assert snapshot["totals"]["shares_submitted"] == 7
    assert (counts.connections, counts.verdicts[Verdict.ACCEPTED]) == (1, 7)
    assert counts.ended[Ending.SILENT] == 1


def test_the_totals_are_there_before_any_worker_is() -> None:
    totals = Assembly().snapshot(60.0)["totals"]
    assert (totals["shares_submitted"], totals["work"]) == (0, 0.0)
