"""A translator or pool embeds this to be seen: trackers, the snapshot loop, the connection.

    tracker = MinerTracker()
    with (
        StatsHandle(("127.0.0.1", 8082), source="translator-1") as handle,
        SnapshotLoop(tracker, handle),
    ):
        ...
        tracker.connect(7, None, "10.0.0.7:51234", now=time.time())
        tracker.rename(7, "farm1.s21-007")  # from mining.authorize
        tracker.agent(7, "cgminer/4.11.1")  # from mining.subscribe
        tracker.difficulty(7, 65536.0)  # with each mining.set_difficulty
        tracker.share_accepted(7, difficulty=65536.0, now=time.time())
        tracker.share_rejected(7, RejectReason.STALE)
        tracker.disconnect(7)
        tracker.clear()  # the upstream was lost and the miners were dropped with it

A pool does the same with a `DownstreamTracker` and port 9083. `SnapshotLoop(tracker, one, other)`
sends to several gateways. Nothing here blocks or raises on
the path of a share, and nothing grows while the gateway is away. Needs msgpack only.
"""

from stats_gateway.sender.backoff import backoff
from stats_gateway.sender.handle import HandleStatistics, StatsHandle
from stats_gateway.sender.loop import SnapshotLoop, Tracker
from stats_gateway.sender.session import Timeouts
from stats_gateway.sender.snapshots import (
    ConnectionInfo,
    ConnectionSnapshot,
    ConnectionType,
    DeviceInfo,
    MinerInfo,
    MinerSnapshot,
    RejectReason,
    Snapshot,
    Totals,
    UpstreamInfo,
    WalletInfo,
)
from stats_gateway.sender.trackers.connections import DownstreamTracker
from stats_gateway.sender.trackers.hashrate import HASHES_PER_DIFFICULTY, HashrateWindow
from stats_gateway.sender.trackers.miners import MinerTracker
from stats_gateway.sender.wire import Outgoing

__all__ = [
    "HASHES_PER_DIFFICULTY",
    "ConnectionInfo",
    "ConnectionSnapshot",
    "ConnectionType",
    "DeviceInfo",
    "DownstreamTracker",
    "HandleStatistics",
    "HashrateWindow",
    "MinerInfo",
    "MinerSnapshot",
    "MinerTracker",
    "Outgoing",
    "RejectReason",
    "Snapshot",
    "SnapshotLoop",
    "StatsHandle",
    "Timeouts",
    "Totals",
    "Tracker",
    "UpstreamInfo",
    "WalletInfo",
    "backoff",
]
