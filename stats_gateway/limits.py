"""Every bound on what a sender may cost is a value here, with the reason for the value.

Each bound is checked before memory or time is spent, and each time that it is hit is counted.
"""

from dataclasses import dataclass

MAX_ROWS = 1_000_000
"""Rows of one snapshot: ten times the largest fleet that a service is sized for."""

MAX_CHANNELS = 65_536
"""Channels of one connection: a connection has a handful of extended channels in the field."""

MAX_TOTAL_CHANNELS = 4 * MAX_ROWS
"""Channels of all sources together: 16 MiB as machine numbers."""

MAX_SNAPSHOT_CHANNELS = 1_000_000
"""Channels that all connections of one snapshot may list: each is kept, and takes four bytes."""

MAX_NAME_BYTES = 128
"""Bytes of a name in UTF-8: Prometheus setups commonly limit label values to 128 or 256."""

MAX_TEXT_BYTES = 256
"""Bytes of an address, network, version or type: a host name has at most 253."""

MAX_SERVICES = 64
"""Services one pool may name: three kinds are known, and a pool runs each a few times at most."""

MAX_REJECT_REASONS = 64
"""Reasons in one row's rejected shares: five are known, and Stratum V2 names about twenty."""

MIN_ROW_BYTES = 11
"""The shortest row, by the names of its required fields: `{"id": 1, "name": ""}` in MessagePack."""

MAX_ROW_BYTES = 1 << 20
"""Longest row: a connection with `MAX_CHANNELS` channels takes two thirds of this as JSON."""

MAX_REPAIR_JSON_BYTES = 4 << 20
"""Largest JSON text that is repaired: about 20,000 rows. Repair takes a few copies of the text."""

MAX_REPAIR_MSGPACK_BYTES = 256 << 10
"""Largest MessagePack value that is repaired: twice a batch of rows.

Repair builds every value in it, and an empty map takes 72 times its byte: 20 MiB at most.
"""

MAX_DETAIL_CHARACTERS = 200
"""Longest text about a refusal: enough for any of ours, and for where a value stands."""

MAX_INTERVAL_SECONDS = 3600.0
"""The longest interval that a sender may declare: its rows stay for three intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds an operator may change; the defaults fit a service of 100,000 miners."""

    max_message_bytes: int = 64 << 20
    """Bytes of one frame or line: 1,000,000 rows need as much."""

    max_buffered_bytes: int = 256 << 20
    """Bytes of the messages of all connections that are unfinished or wait to be decoded.

    Four messages of the largest size, so that many peers together cannot cost more.
    """

    max_connections: int = 1024
    """Connections of senders: the limit of open files is raised to match."""

    max_rows: int = MAX_ROWS
    """Rows of one snapshot."""

    max_total_rows: int = 2_000_000
    """Rows and services of all sources together: each takes about 2.5 KiB, rendering included."""

    max_sources: int = 4096
    """Sources that are remembered, those that are down included: each costs a few series."""

    max_sources_per_address: int = 1024
    """Sources that one address may name, so that it does not use up all of them."""

    max_refusals_in_row: int = 16
    """Refused messages in a row before the connection is closed: its peer speaks something else."""

    frame_seconds: float = 30.0
    """Seconds from a message's first byte to its last: a snapshot is stale after that anyway."""

    handshake_seconds: float = 10.0
    """Seconds for a TLS handshake: it takes a few round trips, even over a satellite."""

    silent_seconds: float = 300.0
    """Seconds without a whole message: well above any sender's interval, below what NATs forget."""
