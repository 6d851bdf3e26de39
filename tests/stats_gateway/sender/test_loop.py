import itertools
import logging
from collections.abc import Iterator

import pytest

from stats_gateway.sender.handle import StatsHandle
from stats_gateway.sender.loop import SnapshotLoop
from stats_gateway.sender.snapshots import MinerSnapshot
from stats_gateway.sender.trackers.miners import MinerTracker
from tests.stats_gateway.sender.plain_gateway import PlainGateway, PlainPeer, eventually

T0 = 1_730_488_800.0
NEVER = 3600.0


@pytest.fixture
def gateway() -> Iterator[PlainGateway]:
    with PlainGateway() as gateway:
        yield gateway.listen()


def handle_to(gateway: PlainGateway, interval: float) -> StatsHandle:
    return StatsHandle(
        gateway.address, source="a", interval=interval, delays=lambda: itertools.repeat(0.005)
    )


def names(peer: PlainPeer) -> list[str]:
    miners = peer.read()["MinerSnapshot"]["miners"]
    assert isinstance(miners, list)
    return [miner["name"] for miner in miners]


def test_the_first_snapshot_is_sent_at_once_with_the_time_of_the_clock(
    gateway: PlainGateway,
) -> None:
    with (
        handle_to(gateway, NEVER) as handle,
        SnapshotLoop(MinerTracker(), handle, clock=lambda: T0),
        gateway.accept() as peer,
    ):
        peer.welcome()
        snapshot = peer.read()["MinerSnapshot"]
        assert (snapshot["miners"], snapshot["timestamp"]) == ([], int(T0))


def test_snapshots_are_sent_every_interval_without_any_change(gateway: PlainGateway) -> None:
    with (
        handle_to(gateway, 0.02) as handle,
        SnapshotLoop(MinerTracker(), handle, gap=0.01),
        gateway.accept() as peer,
    ):
        peer.welcome()
        assert [names(peer) for _ in range(5)] == [[]] * 5


def test_a_membership_change_is_sent_at_once(gateway: PlainGateway) -> None:
    tracker = MinerTracker()
    with (
        handle_to(gateway, NEVER) as handle,
        SnapshotLoop(tracker, handle, gap=0.01),
        gateway.accept() as peer,
    ):
        peer.welcome()
        assert names(peer) == []
        tracker.connect(1, "a", None, T0)
        assert names(peer) == ["a"]
        tracker.disconnect(1)
        assert names(peer) == []


def test_many_changes_within_the_gap_are_one_snapshot(gateway: PlainGateway) -> None:
    tracker = MinerTracker()
    with (
        handle_to(gateway, NEVER) as handle,
        SnapshotLoop(tracker, handle, gap=0.5),
        gateway.accept() as peer,
    ):
        peer.welcome()
        assert names(peer) == []
        for miner in range(100):
            tracker.connect(miner, "a", None, T0)
        assert len(names(peer)) == 100


def test_each_of_several_gateways_gets_every_snapshot_and_a_dead_one_delays_no_other() -> None:
    tracker = MinerTracker()
    with (
        PlainGateway() as first,
        PlainGateway() as dead,
        PlainGateway() as hanging,
        PlainGateway() as last,
        handle_to(first.listen(), NEVER) as one,
        handle_to(dead, 1.0) as two,
        handle_to(hanging.listen(), NEVER) as three,
        handle_to(last.listen(), NEVER) as four,
        SnapshotLoop(tracker, one, two, three, four, gap=0.01),
        hanging.accept(),  # and never says a word
        first.accept() as peer,
        last.accept() as other,
    ):
        for each in (peer, other):
            each.welcome()
            assert names(each) == []
        tracker.connect(1, "a", None, T0)
        for each in (peer, other):
            assert names(each) == ["a"]
        eventually(lambda: two.statistics().failures > 1)
        # A gateway that comes late gets the newest snapshot, like any other.
        with dead.listen().accept() as late:
            late.welcome()
            assert names(late) == ["a"]


def test_the_shortest_interval_of_several_handles_counts(gateway: PlainGateway) -> None:
    with (
        PlainGateway() as other,
        handle_to(other, NEVER) as slow,
        handle_to(gateway, 0.02) as fast,
        SnapshotLoop(MinerTracker(), slow, fast, gap=0.01),
        gateway.accept() as peer,
    ):
        peer.welcome()
        assert [names(peer) for _ in range(3)] == [[]] * 3


class BrokenOnce(MinerTracker):
    """Fails at its first snapshot."""

    broken = True

    def snapshot(self, now: float) -> MinerSnapshot:
        if self.broken:
            self.broken = False
            raise RuntimeError("out of order")
        return super().snapshot(now)


def test_a_snapshot_that_fails_is_logged_and_the_next_one_is_taken(
    gateway: PlainGateway, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        handle_to(gateway, 0.02) as handle,
        SnapshotLoop(BrokenOnce(), handle, gap=0.01),
        gateway.accept() as peer,
    ):
        peer.welcome()
        assert names(peer) == []
    assert [r.exc_text is not None for r in caplog.records if r.levelno == logging.ERROR] == [True]


def test_close_ends_the_loop_at_once_and_may_be_called_twice(gateway: PlainGateway) -> None:
    with handle_to(gateway, NEVER) as handle, gateway.accept() as peer:
        peer.welcome()
        loop = SnapshotLoop(MinerTracker(), handle)
        loop.close()
        loop.close()
        assert not loop._thread.is_alive()  # noqa: SLF001 - that it ended is the rule
