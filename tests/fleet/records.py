"""What twelve sites have written into a store, some of which came to grief; worked out, not run.

Each site has two gateways that tell the same, and is told of at moments of its own.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from grafana.drawing.past.remote_write import ENDED, Series

SCRAPE, RECORD, SLOW_RECORD, HOUR = 15, 30, 60, 3600
FALLS = 600
"""How long before the end a hashrate falls, a source falls silent, and an alert begins."""

Samples = list[tuple[float, float]]
Value = Callable[[int], float | None]
"""What a series says so many seconds before the end; None for nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """One site; all times are seconds before the end, 0 for never."""

    number: int
    came: int = 2 * HOUR
    left: int = 0
    """When its Prometheus ended, without a word."""
    restart: int = 0
    """When both gateways were back, after three scrapes without them."""
    sources: tuple[str, ...] = ("translator-1", "translator-2")
    silent: str = ""
    """The source that fell silent."""
    hashes: float = 1.0
    """What is left of its hashrate since that fell."""
    rejected: float = 0.001
    critical: int = 0
    """How many critical alerts fire."""

    @property
    def name(self) -> str:
        """The value of its label."""
        return f"farm-{self.number:02}"


class Told(NamedTuple):
    """One series of a source."""

    name: str
    step: int
    value: Value
    labels: dict[str, str]


SITES = (
    Site(1, left=300),
    Site(2, silent="translator-2"),
    Site(3, hashes=0.4),
    Site(4, rejected=0.08),
    Site(5, critical=2),
    Site(6, came=21 * HOUR, left=20 * HOUR),
    Site(7, came=31 * HOUR, left=30 * HOUR),
    Site(8, came=2400),
    Site(9, restart=240),
    Site(10, hashes=1.1),
    Site(11, sources=("translator-1", "pool-1")),
    Site(12, sources=("pool-1",), hashes=0.9),
)


def fleet(end: int) -> dict[Series, Samples]:
    """Every sample of every site up to `end`, in unix seconds."""
    return {series: samples for site in SITES for series, samples in _site(site, end)}


def _site(site: Site, end: int) -> Iterator[tuple[Series, Samples]]:
    for alert in _alerts(site):
        yield _named(site, alert, {}), _written(site, end, alert)
    for source in site.sources:
        job = "stats-pool" if source.startswith("pool") else "stats-proxy"
        kind = _pool if source.startswith("pool") else _translator
        size = 1e15 * (site.number + (0.37 if source == "translator-2" else 0))
        for told in (*_gateway(site, source, end), *kind(site), *_hashrate(site, job[6:], size)):
            value = _silenced(told.value) if _falls_silent(site, source, told) else told.value
            samples = _written(site, end, told._replace(value=value))
            for instance in ("a:8084", "b:8084"):
                target = {"job": job, "instance": instance, "source": source}
                yield _named(site, told, target), samples


def _alerts(site: Site) -> Iterator[Told]:
    firing = {"alertstate": "firing"}
    heartbeat = {"alertname": "StatsGatewayWatchdog", "severity": "none", **firing}
    yield Told("ALERTS", SCRAPE, _steady(1.0), heartbeat)
    for number in range(site.critical):
        alert = {"alertname": f"Alert{number}", "severity": "critical", **firing}
        yield Told("ALERTS", SCRAPE, lambda ago: 1.0 if ago <= FALLS else None, alert)


def _gateway(site: Site, source: str, end: int) -> Iterator[Told]:
    falls = FALLS if source == site.silent else 0
    yield Told("stats_gateway_source_up", SCRAPE, lambda ago: float(ago >= falls), {})
    arrival = "stats_gateway_source_received_timestamp_seconds"
    yield Told(arrival, SCRAPE, lambda ago: end - max(ago, falls) - 3.0, {})
    yield Told("stats_gateway_downstreams", SCRAPE, _steady(11.0 * site.number), {})


def _pool(_: Site) -> Iterator[Told]:
    for kind, count in (("Translator", 9.0), ("Mint", 1.0)):
        yield Told("stratum_pool_connections", SCRAPE, _steady(count), {"connection_type": kind})


def _translator(site: Site) -> Iterator[Told]:
    for state, count in (("active", 10.0), ("idle", 1.0)):
        value = _steady(count * site.number)
        yield Told("stratum_proxy_miners", SCRAPE, value, {"state": state})
    for verdict, rate in (("submitted", 1.0), ("rejected", site.rejected)):
        shares = f"source:stratum_proxy_miner_shares_{verdict}:rate5m"
        yield Told(shares, SLOW_RECORD, _waving(rate), {})


def _hashrate(site: Site, kind: str, size: float) -> Iterator[Told]:
    record = f"source:stratum_{kind}_hashrate_hashes_per_second"
    yield Told(f"{record}:avg5m", RECORD, _waving(size, site.hashes), {})
    for window in ("avg1h", "avg24h"):
        yield Told(f"{record}:{window}", SLOW_RECORD, _steady(size), {})


def _steady(value: float) -> Value:
    return lambda _: value


def _waving(size: float, left: float = 1.0) -> Value:
    """Around `size`, up and down, and around a part of that since it fell."""
    return lambda ago: size * (1 + 0.1 * math.sin(ago / 700)) * (left if ago < FALLS else 1.0)


def _falls_silent(site: Site, source: str, told: Told) -> bool:
    return source == site.silent and not told.name.startswith("stats_gateway_source_")


def _silenced(value: Value) -> Value:
    return lambda ago: None if ago < FALLS else value(ago)


def _written(site: Site, end: int, told: Told) -> Samples:
    """The samples of one series, with a marker wherever it ends while its site goes on."""
    samples: Samples = []
    for at in range(end - site.came + site.number, end - site.left, told.step):
        ago = end - at
        value = None if _is_away(site, told, ago) else told.value(ago)
        if value is not None:
            samples.append((float(at), value))
        elif samples and not math.isnan(samples[-1][1]):
            samples.append((float(at), ENDED))
    return samples


def _is_away(site: Site, told: Told, ago: int) -> bool:
    restarts = site.restart > 0 and told.name != "ALERTS"
    return restarts and site.restart < ago <= site.restart + 3 * SCRAPE


def _named(site: Site, told: Told, target: dict[str, str]) -> Series:
    labels = {"__name__": told.name, "site": site.name, **told.labels, **target}
    return tuple(sorted(labels.items()))
