"""Messages as senders write them, with values where a test does not care."""

from typing import Any

from tests.e2e.harness.wire import Message

NOON = 1_730_488_920
"""Any time of a sender's clock, which nothing but what is shown depends on."""


def miner(downstream_id: int, name: str, **fields: object) -> Message:
    """A MinerInfo."""
    row = {
        "downstream_id": downstream_id,
        "name": name,
        "address": f"192.0.2.{downstream_id % 256}:4444",
        "hashrate": 1e14,
        "shares_submitted": 42,
        "connected_at": NOON - 3600,
    }
    return row | fields


def miners(*names: str) -> list[Message]:
    """Miners of these names, numbered from 1."""
    return [miner(number, name) for number, name in enumerate(names, 1)]


def miner_snapshot(rows: list[Message], timestamp: int = NOON, **fields: object) -> Message:
    """A MinerSnapshot."""
    return {"MinerSnapshot": {"miners": rows, "timestamp": timestamp, **fields}}


def connection(downstream_id: int, connection_type: str, **fields: object) -> Message:
    """A ConnectionInfo."""
    row = {
        "downstream_id": downstream_id,
        "connection_type": connection_type,
        "hashrate": 1e15,
        "shares_submitted": 42,
        "channels": [1, 2],
        "connected_at": NOON - 3600,
        "quotes_created": None,
        "ehash_mined": None,
    }
    return row | fields


def connection_snapshot(rows: list[Message], timestamp: int = NOON, **fields: object) -> Message:
    """A ConnectionSnapshot."""
    return {"ConnectionSnapshot": {"connections": rows, "timestamp": timestamp, **fields}}


REJECTED = {"shares_rejected_by": {"stale": 2, "duplicate": 1}}
TOTALS = {"shares_submitted": 90, "work": 3.5e6, **REJECTED}


def full_miner_snapshot(rows: list[Message]) -> Message:
    """A MinerSnapshot that fills every family of stats-proxy."""
    optional: dict[str, Any] = {"work": 1.5e6, "last_share_at": NOON - 5, **REJECTED}
    optional |= {"difficulty": 65536.0, "agent": "bmminer/2.0.0"}
    optional["device"] = {"hashrate": 1.1e14, "power": 3250.0, "temperature": 64.5}
    wallet = {"balance": 500_000, "quotes_created": 12, "quotes_amount": 600_000}
    upstream = {"address": "pool.example:34254", "connected": True, "network": "testnet4"}
    rows = [{**row, **optional} for row in rows]
    return miner_snapshot(rows, wallet=wallet, upstream=upstream, totals=TOTALS)


def full_connection_snapshot() -> Message:
    """A ConnectionSnapshot that fills every family of stats-pool, with every type."""
    optional: dict[str, Any] = {  # Any: what JSON can say
        "name": "farm-a",
        "address": "192.0.2.1:33866",
        "work": 1.5e6,
        "last_share_at": NOON - 5,
        "work_selection": True,
        **REJECTED,
    }
    mint = {"quotes_created": 130, "ehash_mined": 492_544, "hashrate": 0.0}
    return connection_snapshot(
        [
            connection(1, "Translator", **optional),
            connection(2, "Job Declarator", **optional),
            connection(3, "Mint", **mint),
            connection(4, "Something new"),
        ],
        listen_address="0.0.0.0:34254",
        totals=TOTALS,
    )


def wallet_events() -> list[Message]:
    """The events of a sender that tells a balance and a quote."""
    return [
        {"BalanceUpdate": {"balance": 500_000, "timestamp": NOON}},
        {"QuoteCreated": {"downstream_id": 1, "amount": 600_000, "timestamp": NOON}},
    ]
