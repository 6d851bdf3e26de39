"""The JSON answers, built from one view of the store so that none mixes two moments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stats_gateway.rows.rows import ConnectionRows, MinerRows, MinerState, Rows, total_hashrate
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

Json: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    offset: int | None = None
    limit: int | None = None

    def cut(self, key: str, rows: Sequence[Json]) -> Json:
        """`rows` under `key`; with their total number where only some of them are asked for."""
        if self == Page():
            return {key: rows}
        start = self.offset or 0
        end = None if self.limit is None else start + self.limit
        return {key: rows[start:end], "total": len(rows)}


def miners(view: View) -> list[Json]:
    """Every miner of every fresh source, by source, name and downstream_id."""
    rows = [
        row
        for source in view.fresh()
        if source.miners is not None
        for row in _miners(source.name, source.miners)
    ]
    return sorted(rows, key=lambda row: (row["source"], row["name"], row["downstream_id"]))


def connections(view: View) -> list[Json]:
    """Every connection of every fresh source, by source, type and downstream_id."""
    rows = [
        row
        for source in view.fresh()
        if source.connections is not None
        for row in _connections(source.name, source.connections)
    ]
    return sorted(
        rows, key=lambda row: (row["source"], row["connection_type"], row["downstream_id"])
    )


def services(view: View) -> list[Json]:
    """Every service that a fresh source says it runs, by source, type and address."""
    rows = [
        {
            "source": source.name,
            "service_type": service.service_type,
            "address": service.address,
        }
        for source in view.fresh()
        for service in source.services
    ]
    return sorted(rows, key=lambda row: (row["source"], row["service_type"], row["address"]))


def stats(view: View, service: Service, unix_now: float) -> Json:
    """Totals over the fresh sources, and each source, down ones included."""
    fresh = view.fresh()
    totals = _miner_totals(fresh) if service is Service.PROXY else _connection_totals(fresh)
    return {
        "totals": totals,
        "sources": [_source(source, unix_now) for source in _by_name(view)],
    }


def health(view: View, unix_now: float) -> Json:
    """Whether any source is fresh; stale means that some are known and none is."""
    healthy = bool(view.fresh())
    return {
        "healthy": healthy,
        "stale": bool(view.sources) and not healthy,
        "sources": [
            {"source": source.name, "up": source.up, "age_seconds": _age(source, unix_now)}
            for source in _by_name(view)
        ],
    }


def _miners(source: str, rows: MinerRows) -> Iterable[Json]:
    for index, downstream_id in enumerate(rows.downstream_id):
        yield {
            **_common(rows, index),
            "state": MinerState.IDLE if downstream_id in rows.idle else MinerState.ACTIVE,
            "source": source,
        }


def _connections(source: str, rows: ConnectionRows) -> Iterable[Json]:
    for index in range(len(rows)):
        yield {
            **_common(rows, index),
            "connection_type": rows.connection_type[index],
            "channels": rows.channels[index].tolist(),
            "quotes_created": rows.quotes_created[index],
            "ehash_mined": rows.ehash_mined[index],
            "work_selection": rows.work_selection[index],
            "source": source,
        }


def _common(rows: Rows, index: int) -> Json:
    """What every kind of downstream has."""
    downstream_id = rows.downstream_id[index]
    return {
        "downstream_id": downstream_id,
        "id": downstream_id,
        "name": rows.name[index],
        "address": rows.address[index],
        "hashrate": rows.hashrate[index],
        "shares_submitted": rows.shares_submitted[index],
        "shares_rejected": rows.shares_rejected[index],
        "work": rows.work[index],
        "connected_at": rows.connected_at[index],
        "last_share_at": rows.last_share_at[index],
    }


def _miner_totals(fresh: Sequence[Source]) -> Json:
    rows = [source.miners for source in fresh if source.miners is not None]
    idle = sum(len(miners.idle) for miners in rows)
    count = sum(map(len, rows))
    return {
        "sources": len(fresh),
        "miners": count,
        "active": count - idle,
        "idle": idle,
        "hashrate": total_hashrate(rate for miners in rows for rate in miners.hashrate),
        "shares_submitted": sum(sum(miners.shares_submitted) for miners in rows),
    }


def _connection_totals(fresh: Sequence[Source]) -> Json:
    rows = [source.connections for source in fresh if source.connections is not None]
    return {
        "sources": len(fresh),
        "connections": sum(map(len, rows)),
        "services": sum(len(source.services) for source in fresh),
        "hashrate": total_hashrate(rate for one in rows for rate in one.hashing()),
        "shares_submitted": sum(sum(one.shares_submitted) for one in rows),
    }


def _source(source: Source, unix_now: float) -> Json:
    return {
        "source": source.name,
        "up": source.up,
        "snapshot_timestamp": source.newest.timestamp,
        "received_timestamp": source.newest.received.unix,
        "age_seconds": _age(source, unix_now),
        "interval_seconds": source.interval,
        "downstreams": None if source.rows is None else len(source.rows),
    }


def _age(source: Source, unix_now: float) -> float:
    return max(0.0, round(unix_now - source.newest.received.unix, 3))


def _by_name(view: View) -> list[Source]:
    return [view.sources[name] for name in sorted(view.sources)]
