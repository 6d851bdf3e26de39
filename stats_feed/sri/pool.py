"""This module makes the readings of a pool or a JD client the snapshots of its connections.

One row for each client, summed over its channels. A channel that closes takes its counters away
while its client stays, so the row keeps what the channel has counted.
"""

import re
from collections.abc import Iterator

from stats_feed.sri.api.answers import Channel, Client, Count
from stats_feed.sri.api.reading import Kind, Reading
from stats_feed.sri.ledger import Ledger, Meter, rejects_by, whole
from stats_feed.sri.sessions import Moment, ProgramClock, Session, Sessions, seen_to_come
from stats_gateway.sender import (
    ConnectionInfo,
    ConnectionSnapshot,
    ConnectionType,
    MinerInfo,
    MinerSnapshot,
)

MAX_CHANNELS = 65_536
"""Channel numbers that are sent for one row: the gateway takes no longer list. Sums hold all."""

KINDS = {
    "translator_proxy": ConnectionType.TRANSLATOR,
    "miner": ConnectionType.MINER,
}


class Pool:
    """The clients of one pool or JD client, reading after reading.

    `unknown_type` is what a client is taken for that the program does not tell the kind of.
    Without `by_channel` the second snapshot is empty, and costs nothing.
    """

    def __init__(
        self,
        started: float,
        *,
        unknown_type: ConnectionType = ConnectionType.TRANSLATOR,
        redact_ip: bool = False,
        by_channel: bool = True,
    ) -> None:
        self._clock = ProgramClock(started)
        self._clients = Sessions()
        self._channels = Sessions()
        self._by_client = Ledger()
        self._by_channel = Ledger()
        self._unknown_type = unknown_type
        self._redact_ip = redact_ip
        self._wants_channels = by_channel
        self._read_before: float | None = None
        self.restarts = 0

    def snapshots(self, reading: Reading, now: Moment) -> tuple[ConnectionSnapshot, MinerSnapshot]:
        """Take in a reading; return its snapshot by client, and the one by channel."""
        was_there = self._read_before is None and not self._clock.is_younger_than_feed(
            reading.uptime, now
        )
        if self._clock.was_restarted(reading.uptime, now):
            self.restarts += 1
            for part in (self._clients, self._channels, self._by_client, self._by_channel):
                part.forget()
        clients = [(client, self._client(client, now)) for client in reading.clients]
        channels = [
            (channel, (client.client_id, channel.channel_id), self._channel(client, channel, now))
            for client in reading.clients
            for channel in (client.channels if self._wants_channels else ())
        ]
        self._by_client.update(_client_meters(clients), now.monotonic, was_there=was_there)
        by_channel = [Meter(key, channel.counts, row.sum) for channel, key, row in channels]
        self._by_channel.update(by_channel, now.monotonic, was_there=was_there)
        rows = [session for _, session in clients] + [session for _, _, session in channels]
        _note_shares(rows, None if was_there else int(now.unix))
        self._clients.drop_old(now.monotonic)
        self._channels.drop_old(now.monotonic)
        self._read_before = now.monotonic
        return (
            self._connection_snapshot(reading, clients, now),
            self._miner_snapshot([(channel, row) for channel, _, row in channels], now),
        )

    def _client(self, client: Client, now: Moment) -> Session:
        return self._clients.find(
            client.client_id,
            {"address": client.address},
            now.monotonic,
            number=client.client_id,
            connected_at=seen_to_come(self._read_before, now),
        )

    def _channel(self, client: Client, channel: Channel, now: Moment) -> Session:
        return self._channels.find(
            (client.client_id, channel.channel_id),
            {"name": channel.name},
            now.monotonic,
            number=None,  # every client counts its channels from 2
            connected_at=seen_to_come(self._read_before, now),
        )

    def _connection_snapshot(
        self, reading: Reading, clients: list[tuple[Client, Session]], now: Moment
    ) -> ConnectionSnapshot:
        snapshot: ConnectionSnapshot = {
            "connections": [self._row(reading.kind, *one) for one in clients],
            "timestamp": int(now.unix),
        }
        if totals := self._by_client.totals():
            snapshot["totals"] = totals
        if reading.listen_address is not None:
            snapshot["listen_address"] = reading.listen_address
        return snapshot

    def _miner_snapshot(
        self, channels: list[tuple[Channel, Session]], now: Moment
    ) -> MinerSnapshot:
        snapshot: MinerSnapshot = {
            "miners": [_channel_row(channel, session) for channel, session in channels],
            "timestamp": int(now.unix),
        }
        if totals := self._by_channel.totals():
            snapshot["totals"] = totals
        return snapshot

    def _row(self, kind: Kind, client: Client, session: Session) -> ConnectionInfo:
        counts = session.sum
        is_hashpool = kind is Kind.HASHPOOL_POOL
        row: ConnectionInfo = {
            "downstream_id": session.downstream_id,
            "connection_type": self._type(client, is_hashpool=is_hashpool).value,
            "name": common_name([channel.name for channel in client.channels]),
            "address": None if self._redact_ip else client.address,
            "hashrate": _sum([channel.hashrate for channel in client.channels]),
            "shares_submitted": whole(counts.get(Count.ACCEPTED)),
            "shares_rejected": whole(counts.get(Count.REJECTED)),
            "work": counts.get(Count.WORK),
            "channels": []
            if is_hashpool
            else sorted(channel.channel_id for channel in client.channels)[:MAX_CHANNELS],
            "connected_at": session.connected_at,
            "last_share_at": client.last_share_at if is_hashpool else session.last_share_at,
            "quotes_created": client.quotes,
            "ehash_mined": client.ehash,
            "work_selection": client.work_selection,
        }
        if by_reason := rejects_by(counts):
            row["shares_rejected_by"] = by_reason
        return row

    def _type(self, client: Client, *, is_hashpool: bool) -> ConnectionType:
        if not is_hashpool:
            return KINDS.get(client.kind, self._unknown_type)
        return ConnectionType.JOB_DECLARATOR if client.work_selection else ConnectionType.TRANSLATOR


def _client_meters(clients: list[tuple[Client, Session]]) -> Iterator[Meter]:
    for client, session in clients:
        for channel in client.channels:
            yield Meter((client.client_id, channel.channel_id), channel.counts, session.sum)


def _note_shares(sessions: list[Session], unix: int | None) -> None:
    """Note when each row's shares grew; not at a first reading, which shows no growth."""
    for session in sessions:
        if session.sum.grew and unix is not None:
            session.last_share_at = unix
        session.sum.grew = False


def _channel_row(channel: Channel, session: Session) -> MinerInfo:
    counts = session.sum
    row: MinerInfo = {
        "downstream_id": session.downstream_id,
        "name": channel.name or f"channel-{channel.channel_id}",
        "address": None,
        "hashrate": channel.hashrate,
        "shares_submitted": whole(counts.get(Count.ACCEPTED)),
        "shares_rejected": whole(counts.get(Count.REJECTED)),
        "work": counts.get(Count.WORK),
        "connected_at": session.connected_at,
        "last_share_at": session.last_share_at,
    }
    if by_reason := rejects_by(counts):
        row["shares_rejected_by"] = by_reason
    if channel.difficulty is not None:
        row["difficulty"] = channel.difficulty
    return row


def common_name(names: list[str]) -> str | None:
    """Return what all names begin with, in whole parts: `a.b.m1` and `a.b.m2` have `a.b`."""
    if not names:
        return None
    common = re.split(r"([./])", names[0])
    for name in names[1:]:
        parts = re.split(r"([./])", name)
        same = [one == other for one, other in zip(common, parts, strict=False)]
        common = common[: same.index(False) if False in same else len(same)]
    return "".join(common).rstrip("./") or None


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
