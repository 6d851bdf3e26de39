"""The counters of the gateway are plain numbers, so that it needs no metrics library."""

from collections import Counter
from dataclasses import dataclass, field

from stats_gateway.errors import ConnectionReason, DroppedValue, Reason


@dataclass(slots=True)
class Counters:
    """Counts since the start; only the event loop's thread changes them."""

    connections: int = 0
    connections_refused: Counter[ConnectionReason] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    messages_refused: Counter[Reason] = field(default_factory=Counter)
    values_dropped: Counter[DroppedValue] = field(default_factory=Counter)
    received_bytes: int = 0
    waiting: list[float] = field(default_factory=list)
    """The monotonic times at which the snapshots arrived that are not visible yet."""
