"""Gives the answers of the old services, for readers that cannot change yet.

The old services knew one sender. Here the rows of all senders are merged, so that an id may occur
twice; `?source=` narrows an answer to one sender. A value that is unknown is null, and an address
that is redacted or unknown is `REDACTED`, as senders write it. A shape of which nothing is known is
None, and becomes a 503.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.lists import Json
from exporters.endpoints.responses import JsonAnswer, error
from stats_gateway.rows.rows import ConnectionRows, ConnectionType, MinerRows
from stats_gateway.rows.text import REDACTED
from stats_gateway.store.sources import Source
from stats_gateway.store.store import Store
from stats_gateway.wire.messages import ServiceInfo
from stats_gateway.wire.services import Service

UNKNOWN_NETWORK = "unknown"
"""The network according to a translator that was not told which network it is on."""

POOL_SERVICE = "Pool"

Sources = Sequence[Source]
"""Fresh sources, in the order of their names."""

T = TypeVar("T")


def proxy_snapshot(sources: Sources) -> Json | None:
    """`/api/stats` of stats-proxy."""
    miners = [source.miners for source in sources if source.miners is not None]
    if not miners:
        return None
    upstreams = [source.upstream for source in sources if source.upstream is not None]
    address = _first(one.address for one in upstreams if one.address)
    return {
        "ehash_balance": _balance(sources),
        "upstream_pool": None if address is None else {"address": address},
        "downstream_miners": [row for rows in miners for row in _miners(rows)],
        "blockchain_network": _first(one.network for one in upstreams) or UNKNOWN_NETWORK,
        "timestamp": _timestamp(sources),
    }


def pool_snapshot(sources: Sources) -> Json | None:
    """`/api/stats` of stats-pool, the job declarator among its services."""
    connections = proxy_connections(sources)
    if connections is None:
        return None
    services = _services(sources)
    return {
        "services": [_service(one) for one in services],
        "downstream_proxies": connections,
        "listen_address": _first(
            one.address for one in services if one.service_type == POOL_SERVICE
        ),
        "timestamp": _timestamp(sources),
    }


def services(sources: Sources) -> list[Json] | None:
    """`/api/services` of stats-pool: a bare list."""
    return [_service(one) for one in _services(sources)] if sources else None


def proxy_connections(sources: Sources) -> list[Json] | None:
    """`/api/connections` of stats-pool: a bare list."""
    connections = [source.connections for source in sources if source.connections is not None]
    if not connections:
        return None
    return [row for rows in connections for row in _connections(rows)]


def balance(sources: Sources) -> Json | None:
    """`/balance` of the stats-proxy of the event era, whose unit it keeps."""
    ehash = _balance(sources)
    if ehash is None:
        return None
    return {"balance": f"{ehash} ehash", "balance_raw": ehash, "unit": "HASH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldEndpoints:
    """The paths whose answers have another shape now, and the paths that exist no more."""

    service: Service
    store: Store

    def routes(self) -> Iterator[Route]:
        """The paths of this service."""
        if self.service is Service.PROXY:
            yield self._route("/api/stats", proxy_snapshot)
            yield self._route("/balance", balance)
        else:
            yield self._route("/api/stats", pool_snapshot)
            yield self._route("/api/services", services)
            yield self._route("/api/connections", proxy_connections)

    def _route(self, path: str, shape: Callable[[Sources], object]) -> Route:
        async def answer(request: Request) -> Response:
            wanted = request.query_params.getlist("source")
            sources = sorted(self.store.view.fresh(), key=lambda source: source.name)
            if wanted:
                sources = [source for source in sources if source.name in wanted]
            return await asyncio.to_thread(_answer, shape, sources)

        return Route(path, answer)


def _answer(shape: Callable[[Sources], object], sources: Sources) -> Response:
    content = shape(sources)
    return error(503, "no data available") if content is None else JsonAnswer(content)


def _miners(rows: MinerRows) -> Iterator[Json]:
    for index, id_ in enumerate(rows.downstream_id):
        yield {
            "name": rows.name[index],
            "id": id_,
            "address": rows.address[index] or REDACTED,
            "hashrate": rows.hashrate[index],
            "shares_submitted": rows.shares_submitted[index],
            "connected_at": rows.connected_at[index],
        }


def _connections(rows: ConnectionRows) -> Iterator[Json]:
    for index, id_ in enumerate(rows.downstream_id):
        work_selection = rows.work_selection[index]
        if work_selection is None:
            work_selection = rows.connection_type[index] is ConnectionType.JOB_DECLARATOR
        last_share_at = rows.last_share_at[index]
        yield {
            "id": id_,
            "address": rows.address[index] or REDACTED,
            "channels": rows.channels[index].tolist(),
            "shares_submitted": rows.shares_submitted[index],
            "quotes_created": rows.quotes_created[index],
            "ehash_mined": rows.ehash_mined[index],
            "last_share_at": None if last_share_at is None else int(last_share_at),
            "work_selection": work_selection,
        }


def _services(sources: Sources) -> list[ServiceInfo]:
    every = (one for source in sources for one in source.services)
    return list({(one.service_type, one.address): one for one in every}.values())


def _service(service: ServiceInfo) -> Json:
    return {"service_type": service.service_type, "address": service.address}


def _balance(sources: Sources) -> int | None:
    wallets = (source.wallet for source in sources)
    balances = [one.balance for one in wallets if one is not None and one.balance is not None]
    return sum(balances) if balances else None


def _timestamp(sources: Sources) -> int:
    return max(source.newest.timestamp for source in sources)


def _first(values: Iterator[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
