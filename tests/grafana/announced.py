"""Families that the contract names and the services do not expose yet.

Rules and boards already ask for them, beside the rows that stand in. To be deleted as they come.
"""

ANNOUNCED: dict[str, tuple[str, ...]] = {
    "stats_gateway_config_last_reload_successful": (),
    "stats_gateway_config_last_reload_success_timestamp_seconds": (),
    "stratum_proxy_work_hashes_total": ("source",),
    "stratum_proxy_shares_submitted_total": ("source",),
    "stratum_proxy_shares_rejected_total": ("source",),
    "stratum_proxy_shares_rejected_by_reason_total": ("source", "reason"),
    "stratum_proxy_miner_shares_rejected_by_reason_total": (
        "source",
        "downstream_id",
        "name",
        "reason",
    ),
    "stratum_proxy_miner_difficulty": ("source", "downstream_id", "name"),
    "stratum_proxy_miner_device_hashrate_hashes_per_second": ("source", "downstream_id", "name"),
    "stratum_proxy_miner_device_power_watts": ("source", "downstream_id", "name"),
    "stratum_proxy_miner_device_temperature_celsius": ("source", "downstream_id", "name"),
    "stratum_pool_work_hashes_total": ("source",),
    "stratum_pool_shares_submitted_total": ("source",),
    "stratum_pool_shares_rejected_total": ("source",),
    "stratum_pool_shares_rejected_by_reason_total": ("source", "reason"),
    "stratum_pool_connection_shares_rejected_by_reason_total": (
        "source",
        "downstream_id",
        "connection_type",
        "reason",
    ),
}
"""Their names, and their labels beside those of the scrape."""
