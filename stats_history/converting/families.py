"""This module lists the metric families of an import; the live services use the same names."""

from dataclasses import dataclass
from typing import Literal

from stats_history.reading.old_schema import Kind


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family; a counter's `name` already ends in `_total`."""

    name: str
    type: Literal["gauge", "counter", "unknown"]
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The families of one kind of service that an old database tells something of.

    `group` counts downstreams by the label `group_label`: miners by state, connections by type.
    """

    hashrate: Family
    shares: Family
    work: Family
    info: Family
    connected: Family
    last_share: Family
    total: Family
    group: Family
    group_label: str
    quotes: Family
    quotes_amount: Family
    rows: Family = Family("stats_gateway_downstreams", "gauge", "Rows of a source.")
    balance: Family | None = None


FAMILIES = {
    Kind.PROXY: Families(
        hashrate=Family(
            "stratum_proxy_miner_hashrate_hashes_per_second",
            "gauge",
            "Hashrate of one miner in hashes per second.",
        ),
        shares=Family(
            "stratum_proxy_miner_shares_submitted_total",
            "counter",
            "Shares a miner submitted since it connected.",
        ),
        work=Family(
            "stratum_proxy_miner_work_hashes_total",
            "counter",
            "Expected hashes behind a miner's accepted shares.",
        ),
        info=Family("stratum_proxy_miner_info", "gauge", "A connected miner; always 1."),
        connected=Family(
            "stratum_proxy_miner_connected_timestamp_seconds", "gauge", "When the miner connected."
        ),
        last_share=Family(
            "stratum_proxy_miner_last_share_timestamp_seconds",
            "gauge",
            "When the miner's share count was last seen to grow.",
        ),
        group=Family("stratum_proxy_miners", "gauge", "Connected miners by state."),
        group_label="state",
        total=Family(
            "stratum_proxy_hashrate_hashes_per_second",
            "gauge",
            "Hashrate of all miners in hashes per second.",
        ),
        quotes=Family("stratum_proxy_quotes_created_total", "counter", "Quotes created."),
        quotes_amount=Family("stratum_proxy_quotes_amount_ehash_total", "counter", "Ehash quoted."),
        balance=Family(
            "stratum_proxy_wallet_balance_ehash", "gauge", "Balance of the wallet in ehash."
        ),
    ),
    Kind.POOL: Families(
        hashrate=Family(
            "stratum_pool_connection_hashrate_hashes_per_second",
            "gauge",
            "Hashrate of one connection in hashes per second.",
        ),
        shares=Family(
            "stratum_pool_connection_shares_submitted_total",
            "counter",
            "Shares submitted over a connection since it was made.",
        ),
        work=Family(
            "stratum_pool_connection_work_hashes_total",
            "counter",
            "Expected hashes behind a connection's accepted shares.",
        ),
        info=Family("stratum_pool_connection_info", "gauge", "A connection; always 1."),
        connected=Family(
            "stratum_pool_connection_connected_timestamp_seconds",
            "gauge",
            "When the connection was opened.",
        ),
        last_share=Family(
            "stratum_pool_connection_last_share_timestamp_seconds",
            "gauge",
            "When the connection's share count was last seen to grow.",
        ),
        group=Family("stratum_pool_connections", "gauge", "Connections by type."),
        group_label="connection_type",
        total=Family(
            "stratum_pool_hashrate_hashes_per_second",
            "gauge",
            "Hashrate of all connections in hashes per second.",
        ),
        quotes=Family(
            "stratum_pool_connection_quotes_created_total",
            "counter",
            "Quotes created for a connection.",
        ),
        quotes_amount=Family(
            "stratum_pool_connection_ehash_mined_total",
            "counter",
            "Ehash mined over a connection.",
        ),
    ),
}
