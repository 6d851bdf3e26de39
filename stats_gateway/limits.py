"""Every bound on what a peer may cost, with its reason.

All are checked before memory is spent and counted when hit.
"""

from dataclasses import dataclass

MAX_ROWS = 1_000_000
"""Rows one snapshot may hold: ten times the largest fleet we size for; part of the wire schema."""

MAX_CHANNELS = 65_536
"""Channels one connection may list: extended channels per connection are a handful in the field."""

MAX_SNAPSHOT_CHANNELS = 1_000_000
"""Channels that all connections of one snapshot may list: each is kept, and takes four bytes."""

MAX_NAME_BYTES = 128
"""Longest name kept, in UTF-8 bytes: Prometheus setups commonly limit label values to 128-256."""

MAX_TEXT_BYTES = 256
"""Longest address, network, version or type kept: a host name is at most 253 bytes."""

MAX_SERVICES = 64
"""Services one pool may name: three kinds are known, and a pool runs each a few times at most."""

MIN_ROW_BYTES = 32
"""Every row takes more, by the names of its required fields alone; what takes less is no row."""

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
"""Longest interval a sender may declare: its rows outlive it by three of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds an operator may change; the defaults fit a service of 100,000 miners."""

    max_message_bytes: int = 64 << 20
    """A frame or line: 1,000,000 rows fit in no less, and one connection can cost no more."""

    max_buffered_bytes: int = 256 << 20
    """Messages of all connections that are unfinished or wait to be decoded, together.

    Four of the largest: so many peers at once cannot add up to more.
    """

    max_connections: int = 1024
    """Open senders: below the usual limit of 1,024 open files once that is raised to match."""

    max_rows: int = MAX_ROWS
    """Rows one snapshot may hold."""

    max_total_rows: int = 2_000_000
    """Rows of all sources together: each takes about 2.5 KiB, rendered and all."""

    max_sources: int = 4096
    """Sources remembered, down ones included: each costs a few series."""

    max_sources_per_address: int = 1024
    """Sources remembered that one address named, so that it cannot push out those of others."""

    max_refusals_in_row: int = 16
    """Refused messages in a row before the connection is closed: it speaks something else."""

    frame_seconds: float = 30.0
    """From a message's first byte to its last: a snapshot is stale after that anyway."""

    handshake_seconds: float = 10.0
    """For a TLS handshake: a few round trips, even over a satellite."""

    silent_seconds: float = 300.0
    """Without a whole message: well above any sender's interval, below what NATs forget."""
