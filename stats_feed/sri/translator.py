"""This module makes a translator's readings the snapshots of its miners.

The API tells shares by upstream channel and not by miner. Where the translator opens a channel for
each miner, the two are joined; where it aggregates, a miner's shares are not known, and the totals
are known all the same.
"""

from collections.abc import Iterator

from stats_feed.sri.api.answers import Count, Sv1Miner
from stats_feed.sri.api.reading import Reading
from stats_feed.sri.ledger import Ledger, Meter, rejects_by, whole
from stats_feed.sri.sessions import Moment, ProgramClock, Session, Sessions, seen_to_come
from stats_gateway.sender import MinerInfo, MinerSnapshot, UpstreamInfo

ANONYMOUS_SECONDS = 10.0
"""How long a connection without a name and without a channel is no miner yet: port scans."""

QUIET_SECONDS = 300.0
"""hashpool's `hashrate_5min` stands still when the shares stop; after five minutes it is 0."""


class Translator:
    """The miners of one translator, reading after reading."""

    def __init__(self, started: float, *, redact_ip: bool, upstream: str | None) -> None:
        self._clock = ProgramClock(started)
        self._sessions = Sessions()
        self._ledger = Ledger()
        self._redact_ip = redact_ip
        self._upstream = upstream
        self._read_before: float | None = None
        self.is_aggregated: bool | None = None
        """Whether all miners share a channel; None while that cannot be told."""
        self.restarts = 0

    def snapshot(self, reading: Reading, now: Moment) -> MinerSnapshot:
        """Take in a reading and return the snapshot that it makes."""
        was_there = self._read_before is None and not self._clock.is_younger_than_feed(
            reading.uptime, now
        )
        if self._clock.was_restarted(reading.uptime, now):
            self.restarts += 1
            self._sessions.forget()
            self._ledger.forget()
            self.is_aggregated = None
        sessions = [(miner, self._session(miner, now)) for miner in reading.miners]
        meters = list(self._meters(reading, sessions))
        self._ledger.update(meters, now.monotonic, was_there=was_there)
        for _, session in sessions:
            if session.sum.grew and not was_there:
                session.last_share_at = int(now.unix)
            session.sum.grew = False
        self._sessions.drop_old(now.monotonic)
        self._read_before = now.monotonic
        snapshot: MinerSnapshot = {
            "miners": [
                self._row(miner, session, now)
                for miner, session in sessions
                if _is_miner(miner, session, now.monotonic)
            ],
            "timestamp": int(now.unix),
        }
        if totals := self._ledger.totals():
            snapshot["totals"] = totals
        if self._upstream is not None:
            snapshot["upstream"] = self._upstream_info(reading, self._upstream)
        return snapshot

    def _session(self, miner: Sv1Miner, now: Moment) -> Session:
        return self._sessions.find(
            miner.client_id,
            {"name": miner.name, "address": miner.address},
            now.monotonic,
            number=miner.client_id,
            connected_at=seen_to_come(self._read_before, now),
        )

    def _meters(
        self, reading: Reading, sessions: list[tuple[Sv1Miner, Session]]
    ) -> Iterator[Meter]:
        # By the id alone an aggregating translator would give one miner the work of all.
        owners = {
            (miner.channel_id, miner.extranonce): session
            for miner, session in sessions
            if miner.channel_id is not None
        }
        counts_itself = any(miner.shares is not None for miner, _ in sessions)
        joined = 0
        for channel in reading.channels:
            key = (channel.channel_id, channel.extranonce)
            owner = owners.get(key)
            joined += owner is not None
            counts = channel.counts
            if counts_itself:
                counts = {
                    count: value
                    for count, value in counts.items()
                    if count not in (Count.ACCEPTED, Count.SENT)
                }
            yield Meter(key, counts, None if owner is None else owner.sum)
        for miner, session in sessions:
            if miner.shares is not None:
                key_of_row = ("row", session.downstream_id)
                yield Meter(key_of_row, {Count.ACCEPTED: miner.shares}, session.sum, is_row=True)
        if joined:
            self.is_aggregated = False
        elif reading.channels and owners and self.is_aggregated is None:
            self.is_aggregated = True

    def _row(self, miner: Sv1Miner, session: Session, now: Moment) -> MinerInfo:
        counts = session.sum
        row: MinerInfo = {
            "downstream_id": session.downstream_id,
            "name": miner.name or f"client-{miner.client_id}",
            "address": None if self._redact_ip else miner.address,
            "hashrate": _hashrate(miner, session, now),
            "shares_submitted": whole(counts.get(Count.ACCEPTED)),
            "shares_rejected": whole(counts.get(Count.REJECTED)),
            "work": counts.get(Count.WORK),
            "connected_at": miner.connected_at or session.connected_at,
            "last_share_at": session.last_share_at,
        }
        if by_reason := rejects_by(counts):
            row["shares_rejected_by"] = by_reason
        if miner.difficulty is not None and miner.channel_id is not None:
            row["difficulty"] = miner.difficulty
        if miner.device is not None:
            row["device"] = miner.device
        return row

    def _upstream_info(self, reading: Reading, address: str) -> UpstreamInfo:
        upstream: UpstreamInfo = {"address": address, "connected": bool(reading.channels)}
        if reading.network is not None:
            upstream["network"] = reading.network
        return upstream


def _is_miner(miner: Sv1Miner, session: Session, now: float) -> bool:
    is_anonymous = miner.channel_id is None and not miner.name
    return not is_anonymous or now - session.first_seen >= ANONYMOUS_SECONDS


def _hashrate(miner: Sv1Miner, session: Session, now: Moment) -> float | None:
    """Return what the translator estimates; before the channel it is the configured minimum."""
    if miner.hashrate_5min is not None and session.last_share_at is not None:
        is_quiet = now.unix - session.last_share_at > QUIET_SECONDS
        return 0.0 if is_quiet else miner.hashrate_5min
    return None if miner.channel_id is None else miner.hashrate
