"""What the gateway counts of itself.

Plain numbers, so that the transport needs no metrics library.
"""

from collections import Counter
from dataclasses import dataclass, field

from stats_gateway.errors import ConnectionReason, DroppedValue, Reason


@dataclass(slots=True)
class Counters:
    """Counts since start; changed from the event loop's thread only."""

    connections: int = 0
    connections_refused: Counter[ConnectionReason] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    messages_refused: Counter[Reason] = field(default_factory=Counter)
    values_dropped: Counter[DroppedValue] = field(default_factory=Counter)
    received_bytes: int = 0
    waiting: list[float] = field(default_factory=list)
    """Monotonic times at which snapshots that are not visible yet had arrived."""
