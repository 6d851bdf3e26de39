"""How much one run of the benchmarks measures."""

from dataclasses import dataclass

from benchmarks.common.fleet import Shape
from benchmarks.services.prometheus import Scrapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes and repetitions of one run. Times are in seconds."""

    sizes: tuple[int, ...]
    """Miners, ascending; the cost per miner of the last size is held against the first's."""
    rounds: int
    """How often each kind of cycle is measured; what is reported are medians."""
    service_miners: int
    """Miners that the real service is sent, and Pushgateway."""
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
    peer_passes: int
    push_passes: int
    fleet_sources: int
    fleet_miners: int
    """Miners of all those sources together."""
    fleet_rounds: int
    rules: Scrapes
    """What the bound of the rules is stated for."""
    scale: tuple[Scrapes, ...]
    """As much as fits on a machine with two cores and 24 GiB."""
    sri_clients: int
    sri_polls: int
    sri_interval: float
    tap_miners: tuple[int, ...]
    """Connected through the tap at once; the bounds are for the first number."""
    tap_rounds: tuple[int, ...]
    """Of each of those numbers."""
    tap_seconds: float
    """Of each round, in which each miner sends a share every ten seconds."""


DEFAULT = Plan(
    sizes=(1_000, 100_000),
    rounds=7,
    service_miners=100_000,
    service_cycles=5,
    scrapes=20,
    memory_cycles=6,
    stall_cycles=5,
    crowd_senders=1_000,
    crowd_miners=100,
    crowd_interval=10.0,
    crowd_seconds=20.0,
    peer_miners=100_000,
    peer_passes=2,
    push_passes=3,
    fleet_sources=10,
    fleet_miners=1_000_000,
    fleet_rounds=2,
    rules=Scrapes(shape=Shape.FULL, services=1, miners=10_000, every=5, past=True, seconds=300.0),
    scale=tuple(
        Scrapes(shape=shape, services=services, miners=100_000, every=10, past=False, seconds=180.0)
        for shape, services in ((Shape.FULL, 1), (Shape.PLAIN, 1), (Shape.PLAIN, 3))
    ),
    sri_clients=5_000,
    sri_polls=5,
    sri_interval=3.0,
    tap_miners=(1_000, 10_000),
    tap_rounds=(3, 1),
    tap_seconds=20.0,
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
    peer_passes=1,
    push_passes=1,
    fleet_sources=3,
    fleet_miners=30_000,
    fleet_rounds=2,
    rules=Scrapes(shape=Shape.FULL, services=1, miners=1_000, every=5, past=True, seconds=30.0),
    scale=(
        Scrapes(shape=Shape.PLAIN, services=3, miners=1_000, every=5, past=False, seconds=30.0),
    ),
    sri_clients=500,
    sri_polls=2,
    sri_interval=1.0,
    tap_miners=(200,),
    tap_rounds=(1,),
    tap_seconds=3.0,
)
