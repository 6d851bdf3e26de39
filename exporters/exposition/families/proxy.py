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
from stats_gateway.rows.rows import MinerRows, MinerState, total_hashrate
from stats_gateway.store.sources import Source

MINER_LABELS = ("source", "downstream_id", "name")
MINER_FAMILIES: tuple[RowFamily[MinerRows], ...] = (
    RowFamily(
        name="stratum_proxy_miner_info",
        kind=Kind.GAUGE,
        help="A connected miner and, when the sender does not redact it, its address; always 1.",
        labels=(*MINER_LABELS, "address"),
        values=ones,
        details=(("address", lambda rows: rows.address),),
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
)


def _miner_states(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.miners is not None:
        idle = len(source.miners.idle)
        yield (MinerState.ACTIVE,), len(source.miners) - idle
        yield (MinerState.IDLE,), idle


def _miners_hashrate(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.miners is not None:
        total = total_hashrate(source.miners.hashrate)
        if total is not None:
            yield (), total


def _wallet_balance(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.wallet is not None and source.wallet.balance is not None:
        yield (), source.wallet.balance


def _quotes_created(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.wallet is not None and source.wallet.quotes_created is not None:
        yield (), source.wallet.quotes_created


def _quotes_amount(source: Source, _hidden: int) -> Iterator[Sample]:
    if source.wallet is not None and source.wallet.quotes_amount is not None:
        yield (), source.wallet.quotes_amount


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
    SourceFamily(
        name="stratum_proxy_wallet_balance_ehash",
        kind=Kind.GAUGE,
        help="The translator's wallet balance.",
        labels=("source",),
        samples=_wallet_balance,
    ),
    SourceFamily(
        name="stratum_proxy_quotes_created_total",
        kind=Kind.COUNTER,
        help="Quotes created for the translator's wallet.",
        labels=("source",),
        samples=_quotes_created,
    ),
    SourceFamily(
        name="stratum_proxy_quotes_amount_ehash_total",
        kind=Kind.COUNTER,
        help="The sum of the amounts of those quotes.",
        labels=("source",),
        samples=_quotes_amount,
    ),
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
