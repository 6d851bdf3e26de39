"""Builds the JSON answers, each from one view of the store so that none mixes two moments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from exporters.endpoints.summaries import PerSource, Totals, combined, order_of
from stats_gateway.clock import Now
from stats_gateway.rows.rows import ConnectionRows, MinerRows, MinerState, Rows
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

MAX_ID_DIGITS = 20
"""Digits of the largest `downstream_id`, which has 64 bits."""

Json: TypeAlias = Mapping[str, object]
R = TypeVar("R", bound=Rows)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    offset: int | None = None
    limit: int | None = None

    def cut(self, key: str, total: int, rows: Callable[[int, int], Sequence[Json]]) -> Json:
        """The rows of this page under `key`, with the number of all rows where these may be some.

        `rows(start, end)` gives the rows of a range, and is called for this page only.
        """
        if self == Page():
            return {key: rows(0, total)}
        start = min(self.offset or 0, total)
        end = total if self.limit is None else min(start + self.limit, total)
        return {key: rows(start, end), "total": total}


class Lists:
    """The lists of rows, each sorted once for all who ask."""

    def __init__(self) -> None:
        self._order = PerSource(order_of)

    def miners(self, view: View, page: Page) -> Json:
        """The miners of every fresh source, by source, name and downstream_id."""
        return page.cut("miners", *self._miners(view))

    def connections(self, view: View, page: Page) -> Json:
        """The connections of every fresh source, by source, type and downstream_id."""
        return page.cut("connections", *self._connections(view))

    def first(self, view: View, service: Service, most: int) -> Sequence[Json]:
        """The first rows of the kind that the service is about."""
        total, between = self._miners(view) if service is Service.PROXY else self._connections(view)
        return between(0, min(most, total))

    def _miners(self, view: View) -> "_Counted":
        named = [(one, one.miners) for one in _by_name(view) if one.miners is not None]
        return self._counted(named, _miner)

    def _connections(self, view: View) -> "_Counted":
        named = [(one, one.connections) for one in _by_name(view) if one.connections is not None]
        return self._counted(named, _connection)

    def _counted(
        self, sources: Sequence[tuple[Source, R]], row: Callable[[str, R, int], Json]
    ) -> "_Counted":
        def between(start: int, end: int) -> Sequence[Json]:
            found: list[Json] = []
            first = 0
            for source, rows in sources:
                if start < first + len(rows) and first < end:
                    order = self._order.of(source)[max(0, start - first) : end - first]
                    found += [row(source.name, rows, index) for index in order]
                first += len(rows)
            return found

        return sum(len(rows) for _, rows in sources), between


_Counted: TypeAlias = tuple[int, Callable[[int, int], Sequence[Json]]]
"""The number of all rows, and what gives the rows of a range."""


def miners_named(view: View, name: str, source: str | None = None) -> Sequence[Json]:
    """The sessions of one miner at every fresh source, or at one, in the shape of the list."""
    return [
        _miner(one.name, one.miners, index)
        for one in _by_name(view)
        if one.miners is not None and source in (None, one.name)
        for index, found in enumerate(one.miners.name)
        if found == name
    ]


def is_downstream_id(text: str) -> bool:
    """Whether `text` may be the `downstream_id` of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS


def connections_with_id(view: View, id_: int, source: str | None = None) -> Sequence[Json]:
    """The connections that have one `downstream_id`, of which each source may have one."""
    return [
        _connection(one.name, one.connections, index)
        for one in _by_name(view)
        if one.connections is not None and source in (None, one.name)
        for index, found in enumerate(one.connections.downstream_id)
        if found == id_
    ]


def services(view: View, page: Page) -> Json:
    """The services that the fresh sources say they run, by source, type and address."""
    rows = [
        {
            "source": source.name,
            "service_type": service.service_type,
            "address": service.address,
        }
        for source in view.fresh()
        for service in source.services
    ]
    rows.sort(key=lambda row: (row["source"], row["service_type"], row["address"]))
    return page.cut("services", len(rows), lambda start, end: rows[start:end])


def stats(view: View, service: Service, totals: PerSource[Totals], now: Now) -> Json:
    """Totals over the fresh sources, and each source, down ones included."""
    fresh = view.fresh()
    total = combined(map(totals.of, fresh))
    return {
        "totals": {
            "sources": len(fresh),
            **(_miners(total) if service is Service.PROXY else _connections(total, fresh)),
            "hashrate": total.hashrate,
            "shares_submitted": total.shares_submitted,
            "shares_rejected": total.shares_rejected,
            "shares_rejected_by": total.shares_rejected_by,
            "work": total.work,
        },
        "sources": [_source(source, now) for source in _by_name(view)],
    }


def health(view: View, now: Now) -> Json:
    """Whether any source is fresh; stale means that sources are known and none of them is fresh."""
    healthy = bool(view.fresh())
    return {
        "healthy": healthy,
        "stale": bool(view.sources) and not healthy,
        "sources": [
            {"source": source.name, "up": source.up, "age_seconds": _age(source, now)}
            for source in _by_name(view)
        ],
    }


def _miner(source: str, rows: MinerRows, index: int) -> Json:
    is_idle = rows.downstream_id[index] in rows.idle
    return {
        **_common(rows, index),
        "difficulty": rows.difficulty[index],
        "device": {
            "hashrate": rows.device_hashrate[index],
            "power": rows.device_power[index],
            "temperature": rows.device_temperature[index],
        },
        "state": MinerState.IDLE if is_idle else MinerState.ACTIVE,
        "source": source,
    }


def _connection(source: str, rows: ConnectionRows, index: int) -> Json:
    return {
        **_common(rows, index),
        "connection_type": rows.connection_type[index],
        "channels": rows.channels[index].tolist(),
        "quotes_created": rows.quotes_created[index],
        "ehash_mined": rows.ehash_mined[index],
        "work_selection": rows.work_selection[index],
        "source": source,
    }


def _common(rows: Rows, index: int) -> Json:
    """Give the fields that every kind of downstream has."""
    downstream_id = rows.downstream_id[index]
    return {
        "downstream_id": downstream_id,
        "id": downstream_id,
        "name": rows.name[index],
        "address": rows.address[index],
        "hashrate": rows.hashrate[index],
        "shares_submitted": rows.shares_submitted[index],
        "shares_rejected": rows.shares_rejected[index],
        "shares_rejected_by": _rejected_by(rows, index),
        "work": rows.work[index],
        "connected_at": rows.connected_at[index],
        "last_share_at": rows.last_share_at[index],
        "agent": rows.agent[index],
    }


def _rejected_by(rows: Rows, index: int) -> Json | None:
    """Give the rejected shares of a row by reason; None where the row told no reason."""
    counts = {reason: column[index] for reason, column in rows.shares_rejected_by.items()}
    return {reason: count for reason, count in counts.items() if count is not None} or None


def _miners(total: Totals) -> Json:
    return {"miners": total.rows, "active": total.active, "idle": total.idle}


def _connections(total: Totals, fresh: Sequence[Source]) -> Json:
    services = sum(len(source.services) for source in fresh)
    return {
        "connections": total.rows,
        # Where the connections are known, a source without services has told that, too.
        "services": None if total.rows is None and not services else services,
    }


def _source(source: Source, now: Now) -> Json:
    return {
        "source": source.name,
        "up": source.up,
        "snapshot_timestamp": source.newest.timestamp,
        "received_timestamp": source.newest.received.unix,
        "age_seconds": _age(source, now),
        "interval_seconds": source.interval,
        "downstreams": None if source.rows is None else len(source.rows),
    }


def _age(source: Source, now: Now) -> float:
    """Seconds since the newest snapshot, by the clock that is never set."""
    return max(0.0, round(now.monotonic - source.newest.received.monotonic, 3))


def _by_name(view: View) -> list[Source]:
    return [view.sources[name] for name in sorted(view.sources)]
