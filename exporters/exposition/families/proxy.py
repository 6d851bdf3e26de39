"""The families in which stats-proxy tells about translators and their miners."""

from collections.abc import Iterator

from exporters.exposition.families.family import (
    Kind,
    Layout,
    RowFamily,
    Sample,
    SourceFamily,
    ones,
    work_hashes,
)
from exporters.exposition.families.gateway import GATEWAY_SOURCE_FAMILIES
from exporters.exposition.families.totals import total_families, wallet_families
from stats_gateway.rows.rows import MinerRows, MinerState, total_of
from stats_gateway.store.sources import Source

MINER_LABELS = ("source", "downstream_id", "name")
MINER_FAMILIES: tuple[RowFamily[MinerRows], ...] = (
    RowFamily(
        name="stratum_proxy_miner_info",
        kind=Kind.GAUGE,
        help="A connected miner with its address, when the sender does not redact it, "
        "and what the miner says it is; always 1.",
        labels=(*MINER_LABELS, "address", "agent"),
        values=ones,
        details=(("address", lambda rows: rows.address), ("agent", lambda rows: rows.agent)),
    ),
    RowFamily(
        name="stratum_proxy_miner_hashrate_hashes_per_second",
        kind=Kind.GAUGE,
        help="The miner's hashrate as its translator estimates it.",
        labels=MINER_LABELS,
        values=lambda rows: rows.hashrate,
    ),
    RowFamily(
        name="stratum_proxy_miner_shares_submitted_total",
        kind=Kind.COUNTER,
        help="Shares the translator accepted from the miner since it connected.",
        labels=MINER_LABELS,
        values=lambda rows: rows.shares_submitted,
    ),
    RowFamily(
        name="stratum_proxy_miner_shares_rejected_total",
        kind=Kind.COUNTER,
        help="Shares the translator rejected from the miner since it connected.",
        labels=MINER_LABELS,
        values=lambda rows: rows.shares_rejected,
    ),
    RowFamily(
        name="stratum_proxy_miner_shares_rejected_by_reason_total",
        kind=Kind.COUNTER,
        help="Shares the translator rejected from the miner since it connected, by reason.",
        labels=(*MINER_LABELS, "reason"),
        values=lambda rows: rows.shares_rejected_by,
    ),
    RowFamily(
        name="stratum_proxy_miner_work_hashes_total",
        kind=Kind.COUNTER,
        help="Hashes the miner's accepted shares stand for (sum of difficulties times 2^32); "
        "its rate is the measured hashrate.",
        labels=MINER_LABELS,
        values=work_hashes,
    ),
    RowFamily(
        name="stratum_proxy_miner_connected_timestamp_seconds",
        kind=Kind.GAUGE,
        help="When the miner connected.",
        labels=MINER_LABELS,
        values=lambda rows: rows.connected_at,
    ),
    RowFamily(
        name="stratum_proxy_miner_last_share_timestamp_seconds",
        kind=Kind.GAUGE,
        help="When the miner's last share was accepted, as sent, "
        "else when its share count was last seen to grow.",
        labels=MINER_LABELS,
        values=lambda rows: rows.last_share_at,
    ),
    RowFamily(
        name="stratum_proxy_miner_difficulty",
        kind=Kind.GAUGE,
        help="The difficulty that the miner's next job asks for.",
        labels=MINER_LABELS,
        values=lambda rows: rows.difficulty,
    ),
    RowFamily(
        name="stratum_proxy_miner_device_hashrate_hashes_per_second",
        kind=Kind.GAUGE,
        help="The hashrate that the miner's device itself reports.",
        labels=MINER_LABELS,
        values=lambda rows: rows.device_hashrate,
    ),
    RowFamily(
        name="stratum_proxy_miner_device_power_watts",
        kind=Kind.GAUGE,
        help="The power that the miner's device reports to draw.",
        labels=MINER_LABELS,
        values=lambda rows: rows.device_power,
    ),
    RowFamily(
        name="stratum_proxy_miner_device_temperature_celsius",
        kind=Kind.GAUGE,
        help="The temperature that the miner's device reports.",
        labels=MINER_LABELS,
        values=lambda rows: rows.device_temperature,
    ),
)


def _miner_states(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.miners is not None:
        idle = len(source.miners.idle)
        yield (MinerState.ACTIVE,), len(source.miners) - idle
        yield (MinerState.IDLE,), idle


def _miners_hashrate(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.miners is not None:
        total = total_of(source.miners.hashrate)
        if total is not None:
            yield (), total


def _upstream(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.upstream is not None:
        yield (source.upstream.address, source.upstream.network or ""), 1


def _upstream_connected(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.upstream is not None and source.upstream.connected is not None:
        yield (), int(source.upstream.connected)


PROXY_SOURCE_FAMILIES: tuple[SourceFamily, ...] = (
    SourceFamily(
        name="stratum_proxy_miners",
        kind=Kind.GAUGE,
        help="Connected miners by state; idle is no hashrate and no new share for 10 minutes.",
        labels=("source", "state"),
        samples=_miner_states,
    ),
    SourceFamily(
        name="stratum_proxy_hashrate_hashes_per_second",
        kind=Kind.GAUGE,
        help="The sum of the miners' hashrates, hidden ones included.",
        labels=("source",),
        samples=_miners_hashrate,
    ),
    *total_families("proxy", "translator"),
    *wallet_families("proxy", "translator"),
    SourceFamily(
        name="stratum_proxy_upstream_info",
        kind=Kind.GAUGE,
        help="The pool that the translator is configured to mine at; always 1.",
        labels=("source", "address", "network"),
        samples=_upstream,
    ),
    SourceFamily(
        name="stratum_proxy_upstream_connected",
        kind=Kind.GAUGE,
        help="Whether the translator is connected to its pool.",
        labels=("source",),
        samples=_upstream_connected,
    ),
)


LAYOUT: Layout[MinerRows] = Layout(
    source_families=(*GATEWAY_SOURCE_FAMILIES, *PROXY_SOURCE_FAMILIES),
    row_families=MINER_FAMILIES,
    row_labels=MINER_LABELS,
    rows=lambda source: source.miners,
    third_label=lambda rows: rows.name,
)
