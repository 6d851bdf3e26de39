"""Expositions as text, as samples, and as prometheus-client would have written them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporters.exposition.body import EVERYTHING, Selection, assemble
from exporters.exposition.families.family import Family, Kind, Layout, RowFamily, SourceFamily
from exporters.exposition.families.pool import LAYOUT as POOL
from exporters.exposition.families.proxy import LAYOUT as PROXY
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.render import Exposition, Renderer
from exporters.exposition.text_format import OPENMETRICS_END, Format
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

LAYOUTS: dict[Service, Layout[Any]] = {  # Any: one layout is of miners, the other of connections
    Service.PROXY: PROXY,
    Service.POOL: POOL,
}

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]
Generate = Callable[[Collector], bytes]
_GENERATE: dict[Format, Generate] = {Format.TEXT: text_of, Format.OPENMETRICS: openmetrics_of}

_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def text(
    exposition: Exposition[Any],  # Any: of either service
    format_: Format = Format.TEXT,
    selection: Selection = EVERYTHING,
) -> bytes:
    """The selected part, whole and with its end."""
    end = OPENMETRICS_END if format_ is Format.OPENMETRICS else b""
    return b"".join(inflate(assemble(exposition, selection, format_))) + end


def rendered(view: View, service: Service, max_rows: int | None = None) -> Exposition[Any]:
    """`view`, rendered from scratch."""
    return Renderer(LAYOUTS[service], max_rows).render(view)


def metrics(exposition: bytes, format_: Format = Format.TEXT) -> list[Metric]:
    """What prometheus-client's parser for the format reads."""
    parse = parse_openmetrics if format_ is Format.OPENMETRICS else parse_text
    return list(parse(exposition.decode()))


def samples(exposition: bytes, format_: Format = Format.TEXT) -> Samples:
    """Every sample by its name and labels; each of them is there once."""
    found: Samples = {}
    for metric in metrics(exposition, format_):
        for one in metric.samples:
            key = one.name, tuple(sorted((k, v) for k, v in one.labels.items() if v))
            assert key not in found, key
            found[key] = float(one.value)
    return found


def sample_lines(exposition: bytes) -> list[tuple[str, float]]:
    """Every line: its name and labels as they are spelled but in prometheus-client's order."""
    return [_normal(line) for line in exposition.decode().split("\n") if line and line[0] != "#"]


def _normal(line: str) -> tuple[str, float]:
    series, _, value = line.rpartition(" ")
    name, _, labels = series.partition("{")
    pairs = sorted(f'{name}="{value}"' for name, value in _LABEL.findall(labels) if value)
    return f"{name}{{{','.join(pairs)}}}", float(value)


def comment_lines(exposition: bytes) -> list[str]:
    """The HELP, TYPE and EOF lines."""
    return [line for line in exposition.decode().split("\n") if line.startswith("#")]


def by_prometheus_client(view: View, service: Service, format_: Format) -> bytes:
    """The exposition of `view` as prometheus-client writes the same families."""
    return _GENERATE[format_](_Collector(view, LAYOUTS[service]))


class _Collector(Collector):
    def __init__(self, view: View, layout: Layout[Any]) -> None:
        self._sources = [view.sources[name] for name in sorted(view.sources)]
        self._layout = layout

    def collect(self) -> Iterator[Metric]:
        for family in self._layout.source_families:
            yield _metric(family, self._of_sources(family))
        for row_family in self._layout.row_families:
            yield _metric(row_family, self._of_rows(row_family))

    def _of_sources(self, family: SourceFamily) -> Iterator[tuple[list[str], float]]:
        for source in self._sources:
            for values, value in family.samples(source, 0):
                yield [source.name, *values], value

    def _of_rows(self, family: RowFamily[Any]) -> Iterator[tuple[list[str], float]]:
        for source in self._sources:
            yield from _rows(family, self._layout, source)


def _rows(
    family: RowFamily[Any], layout: Layout[Any], source: Source
) -> Iterator[tuple[list[str], float]]:
    rows = layout.rows(source)
    if rows is None:
        return
    values = family.values(rows)
    by_reason = values if isinstance(values, Mapping) else {None: values}
    for reason, column in by_reason.items():
        details = [texts(rows) for _, texts in family.details]
        if reason is not None:
            details.append([reason] * len(rows))
        identities = (rows.downstream_id, layout.third_label(rows), column)
        for id_, third, value, *more in zip(*identities, *details, strict=True):
            if value is not None and value != float("inf"):
                yield [source.name, str(id_), str(third), *(one or "" for one in more)], value


def _metric(family: Family, found: Iterable[tuple[list[str], float]]) -> Metric:
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = make(family.name, family.help, labels=family.labels)
    for label_values, value in found:
        metric.add_metric(label_values, value)
    return metric
