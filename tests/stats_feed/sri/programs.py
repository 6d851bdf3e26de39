"""Programs that answer as SRI's do, in three versions of the schema, and that know the truth.

Each has a cache that it refreshes and answers from, as the real ones do. Each row is marked with
the `uid` of what it stands for, in a field that no reader knows: ids are given again after a
fallback, and names are not unique.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from random import Random
from urllib.parse import parse_qs, urlsplit

from stats_feed.sri.api.reading import Answer, Reader, Reading

UID, LINES = "uid_for_the_oracle", "lines_for_the_oracle"
CODES = ("stale-share", "duplicate-share", "difficulty-too-low", "bad-extranonce-size")
Json = dict[str, object]


class Version(Enum):
    """The schema in early 2026, in the middle of that year, and the newest."""

    EARLY = 1
    SPRING = 2
    NEWEST = 3


@dataclass(eq=False)
class Line:
    """One channel and what it counted; `uid` stands for it in the truth."""

    uid: int
    channel_id: int
    extranonce: str
    name: str
    sent: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, 0))
    work: float = 0.0
    hashrate: float | None = 1e12

    @property
    def refused(self) -> int:
        return sum(self.rejected.values())

    @property
    def accepted(self) -> int:
        return self.sent - self.refused

    def share(self, difficulty: float) -> None:
        self.sent += 1
        self.work += difficulty

    def refuse(self, code: str) -> None:
        self.sent += 1
        self.rejected[code] += 1


@dataclass(eq=False)
class Peer:
    """A miner of a translator, or a client of a pool."""

    uid: int
    client_id: int
    name: str = ""
    address: str = "192.0.2.1"
    lines: list[Line] = field(default_factory=list)
    closed: list[Line] = field(default_factory=list)


class Program:
    """What a translator and a pool have in common: ids, peers, the cache and its answers."""

    first_id = 1

    def __init__(self, version: Version = Version.NEWEST, *, seed: int = 0) -> None:
        self.version = version
        self.random = Random(seed)
        self.uids = count(1)
        self.uptime = 0.0
        self.peers: dict[int, Peer] = {}
        self.max_limit = 100
        self.nulls: set[str] = set()
        """Fields that are null in every row: a NaN becomes a null in JSON."""
        self._ids = count(self.first_id)
        self._channels = count(2)
        self._cache: dict[str, tuple[Json, dict[str, list[Json]]]] = {}
        self.requests: list[str] = []

    def connect(self, name: str = "", address: str = "192.0.2.1") -> Peer:
        client_id = next(self._ids)
        peer = Peer(next(self.uids), client_id, name, address)
        self.peers[client_id] = peer
        return peer

    def open_channel(self, peer: Peer, name: str = "acme") -> Line:
        channel_id = next(self._channels)
        line = Line(next(self.uids), channel_id, f"0100{channel_id:028x}", name)
        peer.lines.append(line)
        return line

    def close_channel(self, peer: Peer) -> None:
        peer.closed.append(peer.lines.pop(0))

    def leave(self, peer: Peer) -> None:
        del self.peers[peer.client_id]

    def restart(self) -> None:
        """A restart, or a fallback to another upstream: everybody is new, ids begin again."""
        self.peers.clear()
        self._ids = count(self.first_id)
        self._channels = count(2)
        self.uptime = 0.0

    def refresh(self) -> None:
        """Fill the cache with what is true now, in whatever order a hash map has."""
        self._cache = {}
        for path, head, lists in self.lists():
            for rows in lists.values():
                self.random.shuffle(rows)
            self._cache[path] = (head, lists)

    def lists(self) -> Iterator[tuple[str, Json, dict[str, list[Json]]]]:
        raise NotImplementedError

    def overview(self) -> Json:
        raise NotImplementedError

    def metrics(self) -> str:
        return ""

    def answer(self, target: str) -> Answer:
        """Answer one request, from the cache."""
        self.requests.append(target)
        url = urlsplit(target)
        if url.path == "/metrics":
            return Answer(200, self.metrics().encode())
        if url.path == "/api/v1/global":
            return as_json(self.shown({**self.overview(), "uptime_secs": int(self.uptime)}))
        if url.path not in self._cache:
            return as_json({"error": "Sv1 client monitoring not available"}, status=404)
        query = parse_qs(url.query)
        offset = int(query.get("offset", ["0"])[0])
        limit = min(int(query.get("limit", ["25"])[0]), self.max_limit)
        head, lists = self._cache[url.path]
        pages = {key: rows[offset : offset + limit] for key, rows in lists.items()}
        totals = {total_of(key): len(rows) for key, rows in lists.items()}
        return as_json({**head, "offset": offset, "limit": limit, **totals, **pages})

    def shown(self, row: Json) -> Json:
        return {key: None if key in self.nulls else value for key, value in row.items()}

    def rejects(self, line: Line) -> Json:
        match self.version:
            case Version.EARLY:
                return {}
            case Version.SPRING:
                return {"shares_rejected": dict(line.rejected)}
            case Version.NEWEST:
                by_reason = {code: n for code, n in line.rejected.items() if n}
                return {"shares_rejected": line.refused, "shares_rejected_by_reason": by_reason}


class Translator(Program):
    """SRI's translator; aggregating, all its miners share one channel towards the upstream."""

    def __init__(
        self,
        version: Version = Version.NEWEST,
        *,
        aggregated: bool = False,
        seed: int = 0,
        own_counts: bool = False,
    ) -> None:
        super().__init__(version, seed=seed)
        self.own_counts = own_counts
        self.shared: Line | None = None
        self.telemetry: Json = {}
        self.hidden: set[int] = set()
        """Clients that the list of miners misses."""
        self._aggregated = aggregated

    def open_channel(self, peer: Peer, name: str = "acme.miner") -> Line:
        if not self._aggregated:
            return super().open_channel(peer, name)
        if self.shared is None:
            self.shared = Line(next(self.uids), 2, "01000000", name)
        # The numbers are the translator's own here, and collide with the upstream's.
        channel_id = next(self._channels) - 1
        line = Line(next(self.uids), channel_id, f"0100{channel_id:028x}", name)
        peer.lines.append(line)
        return line

    def restart(self) -> None:
        super().restart()
        self.shared = None

    def upstream_lines(self) -> list[Line]:
        if self._aggregated:
            return [] if self.shared is None else [self.shared]
        return [line for peer in self.peers.values() for line in peer.lines]

    def overview(self) -> Json:
        return {"server": {"total_channels": 0}, "sv2_clients": None, "sv1_clients": {}}

    def lists(self) -> Iterator[tuple[str, Json, dict[str, list[Json]]]]:
        miners = [
            self.shown(self.miner(peer))
            for peer in self.peers.values()
            if peer.client_id not in self.hidden
        ]
        yield "/api/v1/sv1/clients", {}, {"items": miners}
        channels = [self.shown(self.channel(line)) for line in self.upstream_lines()]
        lists: dict[str, list[Json]] = {"extended_channels": channels, "standard_channels": []}
        yield "/api/v1/server/channels", {}, lists

    def miner(self, peer: Peer) -> Json:
        line = peer.lines[0] if peer.lines else None
        row: Json = {
            UID: peer.uid,
            LINES: [line.uid for line in peer.lines],
            "client_id": peer.client_id,
            "channel_id": line and line.channel_id,
            "connection_ip": peer.address,
            "hashrate": line.hashrate if line else 1e13,
            "extranonce1_hex": line.extranonce if line else "",
            "target_hex": f"{(0xFFFF << 208) // 1024:064x}",
            **self.telemetry,
        }
        if self.version is Version.EARLY:
            row |= {"authorized_worker_name": peer.name, "user_identity": "acme"}
            del row["connection_ip"]
        elif self.version is Version.SPRING:
            row |= {"authorized_worker_name": peer.name, "user_identity": "acme"}
        else:
            row |= {"sv1_username": peer.name, "sv1_worker_name": peer.name.rpartition(".")[2]}
        if not peer.name:
            row["user_identity"] = ""
        if self.own_counts:
            row |= {
                "shares_submitted": line.accepted if line else 0,
                "connected_at_secs": 1_700_000_000 + peer.uid,
                "peer_address": f"{peer.address}:4444",
                "hashrate_5min": None,
            }
        return row

    def channel(self, line: Line) -> Json:
        row: Json = {
            UID: line.uid,
            "channel_id": line.channel_id,
            "user_identity": line.name,
            "nominal_hashrate": line.hashrate,
            "extranonce_prefix_hex": line.extranonce,
            "shares_acknowledged": line.accepted // 10 * 10,
            "shares_submitted": line.sent,
            **self.rejects(line),
        }
        if self.version is Version.EARLY:
            return {**row, "share_work_sum": int(line.work) * 7}  # the upstream's own unit
        return {**row, "acknowledged_work_sum": 7, "validated_work_sum": line.work}


class Pool(Program):
    """SRI's pool, or with `has_server` its JD client."""

    def __init__(
        self,
        version: Version = Version.NEWEST,
        *,
        has_server: bool = False,
        seed: int = 0,
        tells_work: bool = True,
    ) -> None:
        super().__init__(version, seed=seed)
        self.tells_work = tells_work
        self._has_server = has_server
        self._channels_of: dict[int, Iterator[int]] = {}
        self._metrics = ""
        self.in_metrics: dict[str, dict[int, Json]] = {}
        """What `/metrics` tells, as the rows of the lists by path and uid, for the oracle."""

    def open_channel(self, peer: Peer, name: str = "acme") -> Line:
        numbers = self._channels_of.setdefault(peer.uid, count(2))
        channel_id = next(numbers)
        line = Line(next(self.uids), channel_id, f"{channel_id:08x}", name)
        peer.lines.append(line)
        return line

    def overview(self) -> Json:
        server = {"total_channels": 1} if self._has_server else None
        return {"server": server, "sv2_clients": {}, "sv1_clients": None}

    def lists(self) -> Iterator[tuple[str, Json, dict[str, list[Json]]]]:
        clients: list[Json] = [
            {UID: peer.uid, "client_id": peer.client_id} for peer in self.peers.values()
        ]
        if self.version is Version.NEWEST:
            clients = [{**client, "client_kind": "unknown"} for client in clients]
        yield "/api/v1/clients", {}, {"items": clients}
        for peer in self.peers.values():
            path = f"/api/v1/clients/{peer.client_id}/channels"
            rows = [self.shown(self.channel(line)) for line in peer.lines]
            standard = rows[1::2]
            lists = {"extended_channels": rows[::2], "standard_channels": standard}
            yield path, {"client_id": peer.client_id}, lists
        self._metrics = "".join(self.metric_lines())
        self.in_metrics = {
            f"/api/v1/clients/{peer.client_id}/channels": {
                line.uid: self.metric_row(line) for line in peer.lines
            }
            for peer in self.peers.values()
        }

    def channel(self, line: Line) -> Json:
        return {
            UID: line.uid,
            "channel_id": line.channel_id,
            "user_identity": line.name,
            "nominal_hashrate": line.hashrate,
            "target_hex": f"{(0xFFFF << 208) // 1024:064x}",
            "extranonce_prefix_hex": line.extranonce,
            "shares_accepted": line.accepted,
            "share_work_sum": line.work,
            **self.rejects(line),
        }

    def metrics(self) -> str:
        return self._metrics

    def metric_row(self, line: Line) -> Json:
        row: Json = {UID: line.uid, "shares_accepted": line.accepted}
        if self.tells_work:
            row["share_work_sum"] = line.work
        if self.version is not Version.EARLY:
            row["shares_rejected"] = line.refused
        return row

    def metric_lines(self) -> Iterator[str]:
        for peer in self.peers.values():
            for line in peer.lines:
                labels = (
                    f'channel_id="{line.channel_id}",client_id="{peer.client_id}",'
                    f'user_identity="{line.name}"'
                )
                yield f"sv2_client_channel_hashrate{{{labels}}} {line.hashrate or 0}\n"
                yield f"sv2_client_shares_accepted_total{{{labels}}} {line.accepted}\n"
                if self.tells_work:
                    yield f"sv2_client_channel_share_work_total{{{labels}}} {line.work!r}\n"
                if self.version is not Version.EARLY:
                    for code, number in line.rejected.items():
                        family = "sv2_client_shares_rejected_total"
                        yield f'{family}{{{labels},error_code="{code}"}} {number}\n'


def total_of(key: str) -> str:
    return "total" if key == "items" else f"total_{key.removesuffix('_channels')}"


def as_json(value: Json, *, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def drive(reader: Reader, answer: Callable[[str], Answer]) -> Reading:
    """Give `reader` the answers it asks for; the reading that comes of them."""
    try:
        path = next(reader)
        while True:
            path = reader.send(answer(path))
    except StopIteration as done:
        reading: Reading = done.value
        return reading
