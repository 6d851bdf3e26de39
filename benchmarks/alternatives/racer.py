"""Runs one contestant in a process of its own, a cycle for each line of input.

All of them start from a whole message received and end with a gzipped body, all decode with the
same decoder, and all expose the same samples.
"""

import gc
import gzip
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from benchmarks.common import fleet
from benchmarks.common.cost import Stopwatch
from benchmarks.common.programs import answer
from benchmarks.cycles.cycle import Cycle, unframe
from exporters.exposition.families.family import Family, Kind
from exporters.exposition.families.proxy import LAYOUT
from stats_gateway.rows.share_windows import HASHES_PER_DIFFICULTY
from stats_gateway.wire.decoding import MessageDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import DeviceInfo, MinerInfo, MinerSnapshot

SOURCE = "bench"

Contestant = Callable[[bytes], object]
"""Takes in a whole message and makes the body of a scrape."""


_INFO, *_MEASURED = LAYOUT.row_families
_BY_REASON = next(family for family in _MEASURED if "reason" in family.labels)
_VALUES = [family for family in _MEASURED if family is not _BY_REASON]
_TOTALS = [family for family in LAYOUT.source_families if family.labels == ("source",)]


class _Rows:
    """A snapshot's miners, decoded as the service decodes them."""

    def __init__(self, encoding: Encoding) -> None:
        self._decoder = MessageDecoder(encoding)
        self._shares: dict[int, int] = {}
        self._grew_at: dict[int, float] = {}

    def of(self, message: bytes) -> Iterator[MinerInfo]:
        snapshot = self._decoder.decode(unframe(message))
        if isinstance(snapshot, MinerSnapshot):
            for batch in self._decoder.miners(snapshot):
                yield from batch

    def values(self, row: MinerInfo) -> tuple[float | None, ...]:
        """In the order of `_VALUES`; None where nothing is known."""
        device = row.device or _NO_DEVICE
        return (
            row.hashrate,
            row.shares_submitted,
            row.shares_rejected,
            None if row.work is None else row.work * HASHES_PER_DIFFICULTY,
            row.connected_at,
            self._seen_growing(row) if row.last_share_at is None else row.last_share_at,
            row.difficulty,
            device.hashrate,
            device.power,
            device.temperature,
        )

    def _seen_growing(self, row: MinerInfo) -> float | None:
        """When the row's shares were last seen to grow, which the service exposes as well."""
        id_, shares = row.downstream_id, row.shares_submitted or 0
        if shares > self._shares.get(id_, shares):
            self._grew_at[id_] = time.time()
        self._shares[id_] = shares
        return self._grew_at.get(id_)


_NO_DEVICE = DeviceInfo()


class Gauges:
    """prometheus-client as most exporters use it: gauges, cleared and set again."""

    def __init__(self, encoding: Encoding = Encoding.FRAMES) -> None:
        self._rows = _Rows(encoding)
        self._registry = CollectorRegistry()
        self._info, self._by_reason = self._gauge(_INFO), self._gauge(_BY_REASON)
        self._values = [self._gauge(family) for family in _VALUES]
        self._totals = [self._gauge(family) for family in _TOTALS]

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self._registry)

    def run(self, message: bytes) -> bytes:
        """One cycle."""
        for gauge in (self._info, self._by_reason, *self._values):
            gauge.clear()
        total = 0.0
        for row in self._rows.of(message):
            labels = (SOURCE, str(row.downstream_id), row.name)
            self._info.labels(*labels, row.address, row.agent or "").set(1)
            for gauge, value in zip(self._values, self._rows.values(row), strict=True):
                if value is not None:
                    gauge.labels(*labels).set(value)
            for reason, count in (row.shares_rejected_by or {}).items():
                self._by_reason.labels(*labels, reason).set(count)
            total += row.hashrate or 0.0
        for gauge in self._totals:
            gauge.labels(SOURCE).set(total)
        return gzip.compress(generate_latest(self._registry))


class Families(Collector):
    """prometheus-client as its documentation advises: a collector that makes families."""

    def __init__(self, encoding: Encoding = Encoding.FRAMES) -> None:
        self._rows = _Rows(encoding)
        self._miners: list[MinerInfo] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families of the newest snapshot."""
        info, by_reason, *families = map(_metric, (_INFO, _BY_REASON, *_VALUES))
        for row in self._miners:
            labels = (SOURCE, str(row.downstream_id), row.name)
            info.add_metric((*labels, row.address or "", row.agent or ""), 1)
            for family, value in zip(families, self._rows.values(row), strict=True):
                if value is not None:
                    family.add_metric(labels, value)
            for reason, count in (row.shares_rejected_by or {}).items():
                by_reason.add_metric((*labels, reason), count)
        total = sum(row.hashrate or 0.0 for row in self._miners)
        for source_family in _TOTALS:
            metric = _metric(source_family)
            metric.add_metric((SOURCE,), total)
            yield metric
        yield from (info, by_reason, *families)

    def run(self, message: bytes) -> bytes:
        """One cycle."""
        self._miners = list(self._rows.of(message))
        return gzip.compress(generate_latest(self._registry))


def _metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(family.name, family.help, labels=family.labels)


CONTESTANTS: Mapping[str, Callable[[Encoding], Contestant]] = {
    "ours": lambda encoding: Cycle(encoding).run,
    "gauges": lambda encoding: Gauges(encoding).run,
    "collector": lambda encoding: Families(encoding).run,
}


def main() -> None:
    """`python -m benchmarks.alternatives.racer CONTESTANT SHAPE MINERS`."""
    shape = fleet.Shape(sys.argv[2])
    run = CONTESTANTS[sys.argv[1]](shape.encoding)
    messages = fleet.messages(int(sys.argv[3]), shape)
    gc.collect()
    gc.freeze()
    for _ in sys.stdin:
        message = next(messages)
        watch = Stopwatch()
        run(message)
        answer(watch.lap())


if __name__ == "__main__":
    main()
