"""Makes up the snapshots of a fleet, in each of the shapes that senders send.

Every measured value changes from each snapshot to the next, as if every miner had shared in
between: nothing that is kept for an unchanged column helps. The same arguments give the same fleet.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from random import Random

import msgspec

from stats_gateway.sender.snapshots import MinerInfo, MinerSnapshot, RejectReason
from stats_gateway.sender.wire import encode_snapshot
from stats_gateway.wire.encoding import Encoding

START = 1_730_000_000
"""Unix time of the first snapshot."""

INTERVAL_SECONDS = 10

SHARE_DIFFICULTY = 230_000.5
"""What makes one share of a miner of 100 TH/s take about 10 s."""

NEW_EVERY = 100
"""Of this many rows, churn replaces one each snapshot."""

AGENTS = ("cgminer/4.11.1", "bmminer/2.0.0", "BOSminer/24.03", "bitaxe/BM1370/v2.4.0")
"""What the miners say they are."""

REQUIRED = (
    "downstream_id",
    "name",
    "address",
    "hashrate",
    "shares_submitted",
    "connected_at",
)
"""The fields that every row has, and a plain row no others."""


class Shape(StrEnum):
    """What a snapshot looks like on the wire; the bounds hold for the worst of these."""

    PLAIN = "plain"
    """Frames, rows with the required fields only."""
    FULL = "full"
    """Frames, rows with every field."""
    JSON = "JSON"
    """Lines of JSON, rows with every field."""

    @property
    def encoding(self) -> Encoding:
        """The encoding of the shape."""
        return Encoding.JSON_LINES if self is Shape.JSON else Encoding.FRAMES


class Change(StrEnum):
    """What happens to the rows' identities between two snapshots."""

    WARM = "warm"
    """They stay."""
    COLD = "cold"
    """Every one is new."""
    CHURN = "churn"
    """One in a hundred is new."""


def snapshots(miners: int, change: Change = Change.WARM) -> Iterator[MinerSnapshot]:
    """Snapshot after snapshot, without end; each has a timestamp of its own."""
    random = Random(miners)  # noqa: S311 - made-up measurements, nothing secret
    ids = list(range(miners))
    new_ids = count(miners)
    for number, timestamp in enumerate(timestamps()):
        yield _snapshot(ids, number, timestamp, random)
        if change is Change.COLD:
            ids.clear()
        elif change is Change.CHURN:
            del ids[number % NEW_EVERY :: NEW_EVERY]
        ids.extend(next(new_ids) for _ in range(miners - len(ids)))


def timestamps() -> Iterator[int]:
    """The timestamps of `snapshots`."""
    return count(START, INTERVAL_SECONDS)


def messages(miners: int, shape: Shape, change: Change = Change.WARM) -> Iterator[bytes]:
    """The snapshots as a sender of that shape writes them."""
    for snapshot in snapshots(miners, change):
        if shape is Shape.JSON:
            yield msgspec.json.encode({"MinerSnapshot": snapshot}) + b"\n"
        else:
            yield encode_snapshot(_plain(snapshot) if shape is Shape.PLAIN else snapshot)


def name(id_: int) -> str:
    """What the miner of that downstream_id is called."""
    return f"account-{id_ % 100}.worker-{id_}"


def _plain(snapshot: MinerSnapshot) -> MinerSnapshot:
    rows = [{key: row[key] for key in REQUIRED} for row in snapshot["miners"]]  # type: ignore[literal-required]  # keys of MinerInfo
    return {"miners": rows, "timestamp": snapshot["timestamp"]}  # type: ignore[typeddict-item]  # as above


def _snapshot(ids: list[int], number: int, timestamp: int, random: Random) -> MinerSnapshot:
    return {
        "miners": [_miner(id_, number, timestamp, random) for id_ in ids],
        "timestamp": timestamp,
        "wallet": {
            "balance": number * 1000,
            "quotes_created": number,
            "quotes_amount": number * 64,
        },
        "upstream": {"address": "pool.example:34254", "connected": True, "network": "mainnet"},
        "totals": {
            "shares_submitted": number * len(ids),
            "shares_rejected": number * len(RejectReason),
            "shares_rejected_by": dict.fromkeys(map(str, RejectReason), number),
            "work": number * len(ids) * SHARE_DIFFICULTY,
        },
    }


def _miner(id_: int, number: int, timestamp: int, random: Random) -> MinerInfo:
    shares = id_ % 10_000 + number
    rejected = {reason.value: id_ % 50 + number for reason in RejectReason}
    return {
        "downstream_id": id_,
        "name": name(id_),
        "address": f"10.{id_ >> 16 & 255}.{id_ >> 8 & 255}.{id_ & 255}:{10_000 + id_ % 50_000}",
        "hashrate": random.uniform(80e12, 120e12),
        "shares_submitted": shares,
        "shares_rejected": sum(rejected.values()),
        "shares_rejected_by": rejected,
        "work": shares * SHARE_DIFFICULTY + random.random(),
        "connected_at": START - 1 - id_ % 86_400,
        "last_share_at": timestamp - id_ % INTERVAL_SECONDS,
        "difficulty": random.uniform(200e3, 260e3),
        "agent": AGENTS[id_ % len(AGENTS)],
        "device": {
            "hashrate": random.uniform(80e12, 120e12),
            "power": 3000.0 + (id_ + number) % 500,
            "temperature": 50 + (id_ + number) % 200 / 10,
        },
    }
