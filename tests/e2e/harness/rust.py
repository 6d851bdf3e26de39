"""The Rust services' lines, and producers that send them as those do: over two connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.harness.rows import NOON
from tests.e2e.harness.wire import Message, Sender, connected, line

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Producer:
    """A translator or pool: one connection for status lines, one for metrics lines."""

    status: Sender
    metrics: Sender


@contextmanager
def producer(port: int, address: str) -> Iterator[Producer]:
    """One on the host `address`."""
    with (
        connected(port, line, address=address) as status,
        connected(port, line, address=address) as metrics,
    ):
        yield Producer(status, metrics)


def status_row(downstream_id: int, name: str, **fields: object) -> Message:
    """A miner of a TranslatorStatus."""
    row = {
        "name": name,
        "id": downstream_id,
        "address": f"192.168.1.{downstream_id}:4444",
        "hashrate": 1.5e11,
        "shares_submitted": 42,
        "connected_at": NOON - 3600,
    }
    return row | fields


def translator_status(*rows: Message, timestamp: int = NOON) -> Message:
    """What a translator knows of its miners and its wallet."""
    return {
        "ehash_balance": 500_000,
        "upstream_pool": {"address": "127.0.0.1:34254"},
        "downstream_miners": list(rows),
        "blockchain_network": "testnet4",
        "timestamp": timestamp,
    }


def proxy_row(downstream_id: int, **fields: object) -> Message:
    """A connection of a PoolStatus."""
    row = {
        "id": downstream_id,
        "address": f"192.168.1.{downstream_id}:33866",
        "channels": [],
        "shares_submitted": 260,
        "quotes_created": 130,
        "ehash_mined": 492_544,
        "last_share_at": NOON - 5,
        "work_selection": False,
    }
    return row | fields


def pool_status(*rows: Message, timestamp: int = NOON) -> Message:
    """What a pool knows of its services and connections; its job declarator among them."""
    services = {
        "Pool": "0.0.0.0:34254",
        "Mint": "127.0.0.1:34260",
        "JobDeclarator": "127.0.0.1:34264",
    }
    return {
        "services": [{"service_type": type_, "address": at} for type_, at in services.items()],
        "downstream_proxies": list(rows),
        "listen_address": services["Pool"],
        "timestamp": timestamp,
    }


def window_row(
    downstream_id: int, name: str, lifetime: int, *, shares: int, difficulty: float
) -> Message:
    """A downstream's last minute: so many shares of one difficulty."""
    return {
        "downstream_id": downstream_id,
        "name": name,
        "address": f"192.168.1.{downstream_id}:4444",
        "shares_lifetime": lifetime,
        "shares_in_window": shares,
        "sum_difficulty_in_window": shares * difficulty,
        "window_seconds": WINDOW_SECONDS,
        "timestamp": NOON,
    }


def service_snapshot(service_type: str, *rows: Message, timestamp: int = NOON) -> Message:
    """The windows of a `Translator` or a `Pool`."""
    return {"service_type": service_type, "downstreams": list(rows), "timestamp": timestamp}


def jds_snapshot(timestamp: int = NOON) -> Message:
    """The job declarator says that it is there, at the address the pool names, too."""
    return {"listen_address": "127.0.0.1:34264", "timestamp": timestamp}
