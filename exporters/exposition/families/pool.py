"""The families in which stats-pool tells about pools and their downstream connections."""

from collections import Counter
from collections.abc import Iterator

from exporters.exposition.families.family import (
    Column,
    Kind,
    Layout,
    RowFamily,
    Sample,
    SourceFamily,
    Texts,
    ones,
    work_hashes,
)
from exporters.exposition.families.gateway import GATEWAY_SOURCE_FAMILIES
from exporters.exposition.families.totals import total_families, wallet_families
from stats_gateway.rows.rows import ConnectionRows, ConnectionType, total_of
from stats_gateway.store.sources import Source

CONNECTION_LABELS = ("source", "downstream_id", "connection_type")


def _channel_counts(rows: ConnectionRows) -> Column:
    return [len(channels) for channels in rows.channels]


def _work_selection(rows: ConnectionRows) -> Texts:
    return [None if value is None else str(value).lower() for value in rows.work_selection]


CONNECTION_FAMILIES: tuple[RowFamily[ConnectionRows], ...] = (
    RowFamily(
        name="stratum_pool_connection_info",
        kind=Kind.GAUGE,
        help="A downstream connection of the pool and what is known of it; always 1.",
        labels=(*CONNECTION_LABELS, "name", "address", "work_selection"),
        values=ones,
        details=(
            ("name", lambda rows: rows.name),
            ("address", lambda rows: rows.address),
            ("work_selection", _work_selection),
        ),
    ),
    RowFamily(
        name="stratum_pool_connection_hashrate_hashes_per_second",
        kind=Kind.GAUGE,
        help="The connection's hashrate as the pool estimates it.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.hashrate,
    ),
    RowFamily(
        name="stratum_pool_connection_shares_submitted_total",
        kind=Kind.COUNTER,
        help="Shares the pool accepted over the connection since it was opened.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.shares_submitted,
    ),
    RowFamily(
        name="stratum_pool_connection_shares_rejected_total",
        kind=Kind.COUNTER,
        help="Shares the pool rejected over the connection since it was opened.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.shares_rejected,
    ),
    RowFamily(
        name="stratum_pool_connection_shares_rejected_by_reason_total",
        kind=Kind.COUNTER,
        help="Shares the pool rejected over the connection since it was opened, by reason.",
        labels=(*CONNECTION_LABELS, "reason"),
        values=lambda rows: rows.shares_rejected_by,
    ),
    RowFamily(
        name="stratum_pool_connection_work_hashes_total",
        kind=Kind.COUNTER,
        help="Hashes the connection's accepted shares stand for "
        "(sum of difficulties times 2^32); its rate is the measured hashrate.",
        labels=CONNECTION_LABELS,
        values=work_hashes,
    ),
    RowFamily(
        name="stratum_pool_connection_channels",
        kind=Kind.GAUGE,
        help="Open channels on the connection.",
        labels=CONNECTION_LABELS,
        values=_channel_counts,
    ),
    RowFamily(
        name="stratum_pool_connection_connected_timestamp_seconds",
        kind=Kind.GAUGE,
        help="When the connection was opened.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.connected_at,
    ),
    RowFamily(
        name="stratum_pool_connection_last_share_timestamp_seconds",
        kind=Kind.GAUGE,
        help="When the last share over the connection was accepted, as sent, "
        "else when its share count was last seen to grow.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.last_share_at,
    ),
    RowFamily(
        name="stratum_pool_connection_quotes_created_total",
        kind=Kind.COUNTER,
        help="Quotes the mint created over the connection.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.quotes_created,
    ),
    RowFamily(
        name="stratum_pool_connection_ehash_mined_total",
        kind=Kind.COUNTER,
        help="Ehash mined over the connection.",
        labels=CONNECTION_LABELS,
        values=lambda rows: rows.ehash_mined,
    ),
)


def _connection_types(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.connections is not None:
        counts = Counter(source.connections.connection_type)
        for connection_type in ConnectionType:
            if connection_type is not ConnectionType.OTHER or counts[connection_type]:
                yield (connection_type,), counts[connection_type]


def _connections_hashrate(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.connections is not None:
        total = total_of(source.connections.hashing())
        if total is not None:
            yield (), total


def _services(source: Source, _hidden: int) -> Iterator[Sample]:
    for service in source.services:
        yield (service.service_type, service.address), 1


POOL_SOURCE_FAMILIES: tuple[SourceFamily, ...] = (
    SourceFamily(
        name="stratum_pool_connections",
        kind=Kind.GAUGE,
        help="Downstream connections by type.",
        labels=("source", "connection_type"),
        samples=_connection_types,
    ),
    SourceFamily(
        name="stratum_pool_hashrate_hashes_per_second",
        kind=Kind.GAUGE,
        help="The sum of the hashrates of translators, job declarator clients and miners, "
        "hidden ones included.",
        labels=("source",),
        samples=_connections_hashrate,
    ),
    *total_families("pool", "pool"),
    *wallet_families("pool", "pool"),
    SourceFamily(
        name="stratum_pool_service_info",
        kind=Kind.GAUGE,
        help="A service that the pool says it runs, and its address; always 1.",
        labels=("source", "service_type", "address"),
        samples=_services,
        is_list=True,
    ),
)


LAYOUT: Layout[ConnectionRows] = Layout(
    source_families=(*GATEWAY_SOURCE_FAMILIES, *POOL_SOURCE_FAMILIES),
    row_families=CONNECTION_FAMILIES,
    row_labels=CONNECTION_LABELS,
    rows=lambda source: source.connections,
    third_label=lambda rows: rows.connection_type,
)
