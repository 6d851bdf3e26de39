"""How much to measure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes and repetitions of one run. Times are in seconds."""

    sizes: tuple[int, ...]
    """Miners, ascending; the cost per miner of the last is held against the first's."""
    rounds: int
    """How often each kind of cycle is measured; what is reported are medians."""
    service_miners: int
    """What the real service is sent, and what Pushgateway is."""
    service_cycles: int
    scrapes: int
    """Further scrapes of one snapshot."""
    memory_cycles: int
    """Cycles, each with a scrape, before memory is read."""
    stall_cycles: int
    crowd_senders: int
    crowd_miners: int
    """Miners of each of those senders."""
    crowd_interval: float
    crowd_seconds: float
    peer_miners: int
    gauge_passes: int
    collector_passes: int
    push_passes: int
    fleet_sources: int = 0
    """Sources of the run on request; 0 for none."""
    fleet_miners: int = 0
    """Miners over all of those sources."""


DEFAULT = Plan(
    sizes=(1_000, 10_000, 100_000),
    rounds=5,
    service_miners=100_000,
    service_cycles=6,
    scrapes=20,
    memory_cycles=10,
    stall_cycles=6,
    crowd_senders=1_000,
    crowd_miners=100,
    crowd_interval=10.0,
    crowd_seconds=20.0,
    peer_miners=100_000,
    gauge_passes=2,
    collector_passes=1,
    push_passes=3,
)

QUICK = Plan(
    sizes=(1_000, 10_000),
    rounds=3,
    service_miners=10_000,
    service_cycles=3,
    scrapes=10,
    memory_cycles=3,
    stall_cycles=3,
    crowd_senders=200,
    crowd_miners=100,
    crowd_interval=2.0,
    crowd_seconds=3.0,
    peer_miners=10_000,
    gauge_passes=2,
    collector_passes=1,
    push_passes=2,
)
