"""Exposes the metrics of the service about itself, through prometheus-client."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.gc_collector import GCCollector
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.registry import Collector

from exporters.exposition.body import Selection
from exporters.exposition.families import gateway as families
from exporters.exposition.families.family import Family, Kind
from exporters.exposition.refusals import HttpReason
from exporters.exposition.text_format import OPENMETRICS_END, Format
from stats_gateway import __version__
from stats_gateway.errors import ConnectionReason, DroppedValue, Reason
from stats_gateway.intake.counters import Counters
from stats_gateway.wire.decoding import MESSAGE_TYPES
from stats_gateway.wire.services import Service

APPLY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From a handful of miners, visible in a millisecond, to a snapshot that missed its interval."""

NOTHING: Mapping[HttpReason, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LastReload:
    """The last time that the files which are read again while running were read."""

    is_successful: bool = True
    succeeded_at: float = 0.0
    """Unix seconds."""


class SelfMetrics:
    """The metrics that the service adds to every scrape about itself."""

    def __init__(
        self,
        service: Service,
        counters: Counters,
        registry: CollectorRegistry,
        http_refusals: Mapping[HttpReason, int] = NOTHING,
        last_reload: Callable[[], LastReload] = LastReload,
    ) -> None:
        self._registry = registry
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library
        registry.register(CountersCollector(service, counters, http_refusals))
        registry.register(ReloadCollector(last_reload))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        apply = families.APPLY_SECONDS
        self.apply_seconds = Histogram(
            apply.name, apply.help, registry=registry, buckets=APPLY_BUCKETS
        )

    def render(self, selection: Selection, format_: Format) -> bytes:
        """The exposition of the registry, without OpenMetrics' end; nothing where not selected."""
        registry: Collector = self._registry
        if selection.names:
            registry = SelectedCollector(self._registry, selection.names)
        if format_ is Format.TEXT:
            return text_of(registry)
        text: bytes = openmetrics_of(registry)  # type: ignore[no-untyped-call]  # as above
        return text.removesuffix(OPENMETRICS_END)


class SelectedCollector(Collector):
    """The families of another collector that are asked for by their own or their samples' names.

    A restricted registry of prometheus-client knows samples' names only, and no histogram by its
    family's.
    """

    def __init__(self, collector: Collector, names: frozenset[str]) -> None:
        self._collector = collector
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """The families, each of them whole."""
        for metric in self._collector.collect():
            if not self._names.isdisjoint({metric.name, *(one.name for one in metric.samples)}):
                yield metric


class CountersCollector(Collector):
    """The gateway's own counts as families, each label value there from the start."""

    def __init__(
        self,
        service: Service,
        counters: Counters,
        http_refusals: Mapping[HttpReason, int] = NOTHING,
    ) -> None:
        self._service = service
        self._counters = counters
        self._http_refusals = http_refusals

    def collect(self) -> Iterator[Metric]:
        """The families, made anew from the counters."""
        counters = self._counters
        build = _metric(families.BUILD_INFO)
        build.add_metric([self._service.value, __version__], 1)
        yield build
        yield _single(families.CONNECTIONS, counters.connections)
        yield _counts(
            families.CONNECTIONS_REFUSED,
            (*ConnectionReason, *HttpReason),
            {**counters.connections_refused, **self._http_refusals},
        )
        yield _counts(families.MESSAGES, MESSAGE_TYPES, counters.messages)
        yield _counts(families.MESSAGES_REFUSED, list(Reason), counters.messages_refused)
        yield _counts(families.VALUES_DROPPED, list(DroppedValue), counters.values_dropped)
        yield _single(families.RECEIVED_BYTES, counters.received_bytes)


class ReloadCollector(Collector):
    """Turns the last reload of files into families."""

    def __init__(self, last_reload: Callable[[], LastReload]) -> None:
        self._last_reload = last_reload

    def collect(self) -> Iterator[Metric]:
        """The families, as Prometheus names its own of the same meaning."""
        last = self._last_reload()
        yield _single(families.CONFIG_SUCCESSFUL, last.is_successful)
        yield _single(families.CONFIG_SUCCESS_TIMESTAMP, last.succeeded_at)


def _metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    if family.kind is Kind.COUNTER:
        return CounterMetricFamily(family.name, family.help, labels=family.labels)
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def _single(family: Family, value: float) -> Metric:
    metric = _metric(family)
    metric.add_metric([], value)
    return metric


def _counts(family: Family, values: Iterable[str], counts: Mapping[Any, int]) -> Metric:
    # Any: each kind of reason is a key type of its own, and all of them are strings.
    metric = _metric(family)
    for value in values:
        metric.add_metric([value], counts.get(value, 0))
    return metric
