"""The families in which both services tell about themselves and about their sources."""

from collections.abc import Iterator

from exporters.exposition.families.family import Family, Kind, Sample, SourceFamily
from stats_gateway.store.sources import Source


def _source_up(source: Source, _hidden: int) -> Iterator[Sample]:
    yield (), int(source.up)


def _snapshot_timestamp(source: Source, _hidden: int) -> Iterator[Sample]:
    yield (), source.newest.timestamp


def _received_timestamp(source: Source, _hidden: int) -> Iterator[Sample]:
    yield (), source.newest.received.unix


def _interval(source: Source, _hidden: int) -> Iterator[Sample]:
    yield (), source.interval


def _downstreams(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.rows is not None:
        yield (), len(source.rows)


def _downstreams_hidden(source: Source, hidden: int) -> Iterator[Sample]:
    if source.rows is not None:
        yield (), hidden


GATEWAY_SOURCE_FAMILIES: tuple[SourceFamily, ...] = (
    SourceFamily(
        name="stats_gateway_source_up",
        kind=Kind.GAUGE,
        help="Whether the source has a fresh snapshot; 0 stays for 24 hours after the last one.",
        labels=("source",),
        samples=_source_up,
    ),
    SourceFamily(
        name="stats_gateway_source_snapshot_timestamp_seconds",
        kind=Kind.GAUGE,
        help="The sender's clock in its newest snapshot.",
        labels=("source",),
        samples=_snapshot_timestamp,
    ),
    SourceFamily(
        name="stats_gateway_source_received_timestamp_seconds",
        kind=Kind.GAUGE,
        help="This service's clock when the newest snapshot had arrived.",
        labels=("source",),
        samples=_received_timestamp,
    ),
    SourceFamily(
        name="stats_gateway_source_interval_seconds",
        kind=Kind.GAUGE,
        help="How often the source sends, as it declared, else 10 s.",
        labels=("source",),
        samples=_interval,
    ),
    SourceFamily(
        name="stats_gateway_downstreams",
        kind=Kind.GAUGE,
        help="Rows in the source's newest snapshot, hidden ones included.",
        labels=("source",),
        samples=_downstreams,
    ),
    SourceFamily(
        name="stats_gateway_downstreams_hidden",
        kind=Kind.GAUGE,
        help="Rows that are counted in the totals but not exposed, "
        "because of max_downstreams_exposed.",
        labels=("source",),
        samples=_downstreams_hidden,
    ),
)

BUILD_INFO = Family(
    name="stats_gateway_build_info",
    kind=Kind.GAUGE,
    help="The version of this service; always 1.",
    labels=("service", "version"),
)
CONNECTIONS = Family(
    name="stats_gateway_connections",
    kind=Kind.GAUGE,
    help="Open connections from senders.",
)
CONNECTIONS_REFUSED = Family(
    name="stats_gateway_connections_refused_total",
    kind=Kind.COUNTER,
    help="Connections turned away or closed by this service, by reason.",
    labels=("reason",),
)
MESSAGES = Family(
    name="stats_gateway_messages_total",
    kind=Kind.COUNTER,
    help="Messages accepted, by type; retired events are accepted and ignored.",
    labels=("type",),
)
MESSAGES_REFUSED = Family(
    name="stats_gateway_messages_refused_total",
    kind=Kind.COUNTER,
    help="Messages refused whole, by reason.",
    labels=("reason",),
)
VALUES_DROPPED = Family(
    name="stats_gateway_values_dropped_total",
    kind=Kind.COUNTER,
    help="Single values of accepted messages that were left out or cut, by reason.",
    labels=("reason",),
)
RECEIVED_BYTES = Family(
    name="stats_gateway_received_bytes_total",
    kind=Kind.COUNTER,
    help="Bytes received from senders.",
)
APPLY_SECONDS = Family(
    name="stats_gateway_snapshot_apply_seconds",
    kind=Kind.HISTOGRAM,
    help="From a snapshot's last byte received to its rows visible on /metrics.",
)
CONFIG_SUCCESSFUL = Family(
    name="stats_gateway_config_last_reload_successful",
    kind=Kind.GAUGE,
    help="Whether the files that are read again while running were right when last read.",
)
CONFIG_SUCCESS_TIMESTAMP = Family(
    name="stats_gateway_config_last_reload_success_timestamp_seconds",
    kind=Kind.GAUGE,
    help="When those files were last read and right.",
)

GATEWAY_FAMILIES = (
    BUILD_INFO,
    CONNECTIONS,
    CONNECTIONS_REFUSED,
    MESSAGES,
    MESSAGES_REFUSED,
    VALUES_DROPPED,
    RECEIVED_BYTES,
    APPLY_SECONDS,
    CONFIG_SUCCESSFUL,
    CONFIG_SUCCESS_TIMESTAMP,
)
