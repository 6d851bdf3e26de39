"""Messages as senders write them, and the bytes they become."""

import json
from collections.abc import Callable

import msgpack

from stats_gateway.wire.encoding import Encoding

Fields = dict[str, object]

NOW = 1_730_488_920
"""The sender's clock in these messages, unix seconds."""


def miner(downstream_id: int = 1, /, **fields: object) -> Fields:
    """A row of a MinerSnapshot with its required fields."""
    row: Fields = {
        "downstream_id": downstream_id,
        "name": f"farm1.rig-{downstream_id}",
        "address": f"192.0.2.1:{4000 + downstream_id % 1000}",
        "hashrate": 1.5e14,
        "shares_submitted": 42,
        "connected_at": NOW - 920,
    }
    return row | fields


def connection(downstream_id: int = 1, /, **fields: object) -> Fields:
    """A row of a ConnectionSnapshot with its required fields."""
    row: Fields = {
        "downstream_id": downstream_id,
        "connection_type": "Translator",
        "hashrate": 3e15,
        "shares_submitted": 260,
        "channels": [1, 2],
        "connected_at": NOW - 920,
        "quotes_created": None,
        "ehash_mined": None,
    }
    return row | fields


def miner_snapshot(*miners: Fields, **fields: object) -> Fields:
    """All miners of a translator."""
    return {"MinerSnapshot": {"miners": list(miners), "timestamp": NOW} | fields}


def connection_snapshot(*connections: Fields, **fields: object) -> Fields:
    """All connections of a pool."""
    return {"ConnectionSnapshot": {"connections": list(connections), "timestamp": NOW} | fields}


def hello(source: str, **fields: object) -> Fields:
    """How a sender introduces itself."""
    named: Fields = {"source": source}
    return {"Hello": named | fields}


def internally_tagged(message: Fields) -> Fields:
    """The same message with its name in a `type` field."""
    ((name, fields),) = message.items()
    assert isinstance(fields, dict)
    tagged: Fields = {"type": name}
    return tagged | fields


def translator_status(*miners: Fields, **fields: object) -> Fields:
    """What hashpool's translator says of its miners."""
    status: Fields = {
        "ehash_balance": 500_000,
        "upstream_pool": {"address": "127.0.0.1:34254"},
        "downstream_miners": list(miners),
        "blockchain_network": "testnet4",
        "timestamp": NOW,
    }
    return status | fields


def status_miner(downstream_id: int = 1, /, **fields: object) -> Fields:
    """A row of it."""
    row = miner(downstream_id) | fields
    return {"id": row.pop("downstream_id")} | row


def pool_status(*proxies: Fields, **fields: object) -> Fields:
    """What hashpool's pool says of its connections."""
    status: Fields = {
        "services": [{"service_type": "Pool", "address": "0.0.0.0:34254"}],
        "downstream_proxies": list(proxies),
        "listen_address": "0.0.0.0:34254",
        "timestamp": NOW,
    }
    return status | fields


def status_proxy(connection_id: int = 1, /, **fields: object) -> Fields:
    """A row of it."""
    row: Fields = {
        "id": connection_id,
        "address": "127.0.0.1:33866",
        "channels": [],
        "shares_submitted": 260,
        "quotes_created": 130,
        "ehash_mined": 492_544,
        "last_share_at": NOW - 5,
        "work_selection": False,
    }
    return row | fields


def service_snapshot(*rows: Fields, service_type: str = "Translator") -> Fields:
    """The share windows that both of them send beside it."""
    return {"service_type": service_type, "downstreams": list(rows), "timestamp": NOW}


def window(downstream_id: int = 1, /, **fields: object) -> Fields:
    """A row of those."""
    row: Fields = {
        "downstream_id": downstream_id,
        "name": f"farm1.rig-{downstream_id}",
        "address": "192.0.2.1:4444",
        "shares_lifetime": 100,
        "shares_in_window": 5,
        "sum_difficulty_in_window": 100.5,
        "window_seconds": 60,
        "timestamp": NOW,
    }
    return row | fields


def packed(message: object) -> bytes:
    """`message` as MessagePack."""
    payload: bytes = msgpack.packb(message, unicode_errors="surrogatepass")
    return payload


def frame(message: object) -> bytes:
    """`message` as one frame."""
    payload = packed(message)
    return len(payload).to_bytes(4, "big") + payload


def line(message: object) -> bytes:
    """`message` as one line of JSON, without blanks, as the Rust services write it."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


PAYLOADS: dict[Encoding, Callable[[object], bytes]] = {
    Encoding.FRAMES: packed,
    Encoding.JSON_LINES: lambda message: line(message).rstrip(b"\n"),
}
"""A message's own bytes in each encoding."""
