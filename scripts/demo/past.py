"""The week before the demo: the snapshots that the simulated fleet would have sent."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from stats_feed.simulate.fleet import Machine
from stats_feed.simulate.pool import SHARES_PER_MINUTE
from stats_feed.simulate.rhythm import throttle
from stats_feed.simulate.run import World
from stats_feed.simulate.shares import REASONS, REJECTED, difficulty_for
from stats_gateway.sender import (
    HASHES_PER_DIFFICULTY,
    ConnectionSnapshot,
    ConnectionType,
    MinerSnapshot,
    Totals,
)

HOUR = 3600
DAY = 24 * HOUR
STEP = 150
"""Seconds between two snapshots: a rate over 5 minutes needs two of them, in any Prometheus."""

QUOTES_EVERY = 30.0
QUOTE = 4900
"""What an average quote of the simulated fleet is worth, in ehash."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong, in seconds before the end of the week."""

    ago: int
    seconds: int

    def holds(self, before_end: float) -> bool:
        """Whether it was going on so many seconds before the end."""
        return self.ago - self.seconds < before_end <= self.ago


UPSTREAM_LOST = Trouble(52 * HOUR, 25 * 60)
FARM_WITHOUT_POWER = Trouble(101 * HOUR, 3 * HOUR)
FARM = "farm3."
MANY_STALE = Trouble(31 * HOUR, 2 * HOUR)
STALE_FACTOR = 8.0
"""How much more shares were rejected then: 4 %, and the alert on more than 5 % stayed silent."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """A miner or a connection of the past week, and what it has done so far."""

    downstream_id: int
    name: str
    address: str
    agent: str | None
    kind: ConnectionType | None
    hashrate: float
    difficulty: float
    submitted: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    last_share_at: int | None = None
    declared: float = 0.0

    @property
    def work(self) -> float:
        """The difficulty of all accepted shares."""
        return self.submitted * self.difficulty


def gone_from(miners: Sequence[Machine]) -> str:
    """The name of the miner that did not come back when the translator was restarted."""
    return f"farm2.s21-{len(miners) + 1:03d}"


class Past:
    """Both senders in the days before `end`, when the translator and the pool were restarted.

    `world` is the live fleet at that moment: the past has the same names, addresses and ids.
    """

    def __init__(self, world: World, end: int, seed: int, days: int) -> None:
        self.start = end - days * DAY
        self._end = end
        self._random = Random(f"{seed} past")  # noqa: S311 - a simulation, nothing secret
        self._miners = _miners(world)
        self._connections = _connections(world)
        self._quotes = self._balance = self._mint_quotes = 0

    def snapshots(self) -> Iterator[tuple[int, MinerSnapshot, ConnectionSnapshot]]:
        """The snapshots of the translator and of the pool, every `STEP` seconds, and the last."""
        for now in (*range(self.start, self._end, STEP), self._end - 1):
            before_end = self._end - now
            lost = UPSTREAM_LOST.holds(before_end)
            stale = STALE_FACTOR if MANY_STALE.holds(before_end) else 1.0
            dark = FARM if FARM_WITHOUT_POWER.holds(before_end) else "no farm"
            here = [one for one in self._miners if not (lost or one.name.startswith(dark))]
            for miner in here:
                self._mine(miner, now, throttle(now), stale)
            fleet = sum(one.hashrate for one in here) / sum(one.hashrate for one in self._miners)
            for connection in self._connections:
                if connection.kind is not ConnectionType.MINT:
                    own = connection.name == self._connections[-1].name
                    self._mine(connection, now, throttle(now) * fleet if own else 1.0, 1.0)
            self._earn(now, lost=lost)
            yield now, self._miner_snapshot(now, here), self._connection_snapshot(now)

    def _mine(self, worker: Worker, now: int, factor: float, stale: float) -> None:
        expected = worker.hashrate * factor * STEP / (worker.difficulty * HASHES_PER_DIFFICULTY)
        # A Poisson process; a normal distribution is near enough to it here, and quick.
        found = max(0, round(self._random.gauss(expected, math.sqrt(expected))))
        for reason, part in REASONS.items():
            # A whole number with this mean.
            refused = int(found * REJECTED * stale * part + self._random.random())
            worker.rejected[reason] += refused
        worker.submitted += found
        worker.declared = found * worker.difficulty * HASHES_PER_DIFFICULTY / STEP
        if found:
            worker.last_share_at = now - self._random.randrange(10)

    def _earn(self, now: int, *, lost: bool) -> None:
        """Quotes are made all day, and what they brought is paid out at midnight."""
        new = 0 if lost else int(STEP / QUOTES_EVERY * self._random.uniform(0.5, 1.5))
        self._quotes += new
        self._mint_quotes += 2 * new
        self._balance = new * QUOTE + (0 if now % DAY < STEP else self._balance)

    def _miner_snapshot(self, now: int, here: list[Worker]) -> MinerSnapshot:
        return {
            "timestamp": now,
            "miners": [
                {
                    "name": one.name,
                    "downstream_id": one.downstream_id,
                    "address": one.address,
                    "agent": one.agent or "",
                    "hashrate": one.declared,
                    "shares_submitted": one.submitted,
                    "shares_rejected": sum(one.rejected.values()),
                    "shares_rejected_by": one.rejected,
                    "work": one.work,
                    "connected_at": self.start - HOUR,
                    "last_share_at": one.last_share_at,
                    "difficulty": one.difficulty,
                }
                for one in here
            ],
            "totals": _totals(self._miners),
            "wallet": {
                "balance": self._balance,
                "quotes_created": self._quotes,
                "quotes_amount": self._quotes * QUOTE,
            },
        }

    def _connection_snapshot(self, now: int) -> ConnectionSnapshot:
        mint = ConnectionType.MINT
        return {
            "timestamp": now,
            "totals": _totals(self._connections),
            "connections": [
                {
                    "name": one.name,
                    "connection_type": one.kind.value if one.kind else "other",
                    "downstream_id": one.downstream_id,
                    "address": one.address,
                    "channels": [one.downstream_id],
                    "work_selection": one.kind is ConnectionType.JOB_DECLARATOR,
                    "hashrate": one.declared,
                    "shares_submitted": one.submitted,
                    "shares_rejected": sum(one.rejected.values()),
                    "shares_rejected_by": one.rejected,
                    "work": one.work,
                    "connected_at": self.start - HOUR,
                    "last_share_at": one.last_share_at,
                    "quotes_created": self._mint_quotes if one.kind is mint else None,
                    "ehash_mined": self._mint_quotes * QUOTE if one.kind is mint else None,
                }
                for one in self._connections
            ],
        }


def _miners(world: World) -> list[Worker]:
    """The miners of the live fleet, and the one that is gone."""
    found = [
        Worker(
            downstream_id=number,
            name=one.name,
            address=one.address,
            agent=one.model.agent,
            kind=None,
            hashrate=one.hashrate,
            difficulty=world.fleet.difficulty(one),
        )
        for number, one in enumerate(world.fleet.machines, start=1)
    ]
    name, number = gone_from(world.fleet.machines), len(found) + 1
    gone = replace(found[-1], downstream_id=number, name=name, address="10.0.9.9:4444")
    gone.rejected = dict.fromkeys(REASONS, 0)
    return [*found, gone]


def _connections(world: World) -> list[Worker]:
    """The connections of the live pool; the last one is the simulated translator's."""
    return [
        Worker(
            downstream_id=one.downstream_id or 0,
            name=one.name,
            address=one.address,
            agent=None,
            kind=one.kind,
            hashrate=one.hashrate,
            difficulty=difficulty_for(one.hashrate, SHARES_PER_MINUTE) if one.hashrate else 1.0,
        )
        for one in world.pool.peers
    ]


def _totals(workers: list[Worker]) -> Totals:
    by_reason = {reason: sum(one.rejected[reason] for one in workers) for reason in REASONS}
    return {
        "shares_submitted": sum(one.submitted for one in workers),
        "shares_rejected": sum(by_reason.values()),
        "shares_rejected_by": {str(reason): count for reason, count in by_reason.items()},
        "work": sum(one.work for one in workers),
    }
