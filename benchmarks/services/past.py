"""Writes the past that rules read: what was recorded and what devices reported of each miner."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.common.clients import Address
from benchmarks.common.fleet import INTERVAL_SECONDS, name
from tests.support.blocks import write_samples

HOURS = 24
"""The longest that a rule looks back."""

FIVE_MINUTES, HOUR = 300, 3600
AVERAGE = "source_name:stratum_proxy_hashrate_hashes_per_second"
DEVICE = "stratum_proxy_miner_device_hashrate_hashes_per_second"
HASHRATE = 1e14


def write_past(data: Path, web: Address, source: str, miners: int, now: int) -> None:
    """Fill the data of a Prometheus that has not started yet, up to the unix time `now`.

    `web` is where the service is scraped, and `source` the sender of its miners. Raises
    CalledProcessError.
    """
    labels = f'job="stats-proxy",instance="{web[0]}:{web[1]}",source="{source}"'
    # promtool reads a file once for each block of two hours: the many lines of one hour are alone.
    write_samples(_records(labels, miners, now), data)
    write_samples(_devices(labels, miners, now), data)


def _records(labels: str, miners: int, now: int) -> Iterator[str]:
    """The records that other rules read."""
    first = now // HOUR * HOUR - HOURS * HOUR
    for record, value, step in (
        ("avg5m_every5m", HASHRATE, FIVE_MINUTES),
        ("avg1h_every1h", HASHRATE, HOUR),
        ("sum23h_avg1h_every1h", 23 * HASHRATE, HOUR),
        ("count23h_avg1h_every1h", 23.0, HOUR),
    ):
        yield f"# TYPE {AVERAGE}:{record} gauge\n"
        for id_ in range(miners):
            series = f'{AVERAGE}:{record}{{{labels},name="{name(id_)}"}}'
            yield from (f"{series} {value:g} {at}\n" for at in range(first, now, step))
    yield "# EOF\n"


def _devices(labels: str, miners: int, now: int) -> Iterator[str]:
    """What is scraped of the devices, for as long as a rule looks back at that."""
    yield f"# TYPE {DEVICE} gauge\n"
    for id_ in range(miners):
        series = f'{DEVICE}{{{labels},downstream_id="{id_}",name="{name(id_)}"}}'
        times = range(now - HOUR, now, INTERVAL_SECONDS)
        yield from (f"{series} {HASHRATE:g} {at}\n" for at in times)
    yield "# EOF\n"
