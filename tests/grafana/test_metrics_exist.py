"""Boards ask only for what is exposed or recorded, and what is exposed is on a board."""

import re
from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from exporters.exposition.families import ALL, Kind
from tests.grafana.boards import (
    Panel,
    Query,
    annotation_queries,
    panel_queries,
    panels,
    recorded,
    variable_queries,
)
from tests.grafana.promql import Expression, read
from tests.support.cases import for_each
from tests.support.feeds import feed_families

TARGET_LABELS = frozenset({"job", "instance"})
SITE = frozenset({"site"})
"""What the Prometheus of a site adds to each series that it writes into a store of many sites."""

ALERT_LABELS = TARGET_LABELS | {"alertname", "alertstate", "severity", "source", "name"}
LABELS_OF_A_LEVEL = {
    "job": {"job"},
    "job_source": {"job", "source"},
    "job_source_name": {"job", "source", "name"},
    "source": TARGET_LABELS | {"source"},
    "source_reason": TARGET_LABELS | {"source", "reason"},
    "source_name": TARGET_LABELS | {"source", "name"},
    "source_downstream": TARGET_LABELS | {"source", "downstream_id", "connection_type", "name"},
}
"""What a recorded series keeps, by the first part of its name."""

ON_NO_BOARD = {
    "process_virtual_memory_bytes": "address space says little: resident memory is shown",
    "python_info": "the runtime's version comes with the service's own",
    "python_gc_objects_collected_total": "for debugging the services, not for running them",
    "python_gc_objects_uncollectable_total": "for debugging the services, not for running them",
    "python_gc_collections_total": "for debugging the services, not for running them",
    "stats_feed_tap_connections_accepted_total": "who is connected and who was not let in is shown",
    "stats_feed_tap_upstream_connections_total": "attempts that failed are shown",
    "stats_feed_tap_held_bytes": "whom the bound ends is shown",
    "stats_feed_tap_added_seconds_sum": "few that wait long hide in a mean: quantiles are shown",
    "stats_feed_tap_added_seconds_count": "few that wait long hide in a mean: quantiles are shown",
}


@cache
def library_families() -> frozenset[str]:
    """What prometheus-client adds about the process and its interpreter."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return frozenset(
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
    )


@cache
def known_labels() -> Mapping[str, frozenset[str]]:
    """The labels of every series a board may ask for."""
    series = {"up": TARGET_LABELS, "ALERTS": ALERT_LABELS}
    series |= dict.fromkeys(("scrape_duration_seconds", "scrape_samples_scraped"), TARGET_LABELS)
    series |= dict.fromkeys(library_families(), TARGET_LABELS)
    series |= {name: TARGET_LABELS | labels for name, labels in feed_families().items()}
    for family in ALL:
        labels = TARGET_LABELS.union(family.labels)
        if family.kind is Kind.HISTOGRAM:
            series |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            series[f"{family.name}_bucket"] = labels | {"le"}
        else:
            series[family.name] = labels
    for name in recorded():
        series[name] = frozenset(LABELS_OF_A_LEVEL[name.split(":")[0]])
    return {name: SITE.union(labels) for name, labels in series.items()}


def selector_of(query: Query) -> tuple[Expression, str]:
    """The selector, read, and the label that a variable asks for."""
    selector, label = query.label_values
    return read(selector), label


def expressions() -> dict[str, Expression]:
    """Every expression of every board by its place."""
    found = {str(query): read(query.expression) for query in panel_queries()}
    found |= {str(query): read(query.expression) for query in annotation_queries()}
    found |= {str(query): selector_of(query)[0] for query in variable_queries()}
    return found


each_expression = for_each("expression", expressions())


@each_expression
def test_every_series_is_exposed_or_recorded(expression: Expression) -> None:
    unknown = expression.metrics - known_labels().keys()
    assert not unknown, f"{unknown}: neither in exporters/families nor in prometheus/rules"


@each_expression
def test_every_matched_label_is_one_of_its_series(expression: Expression) -> None:
    for selector in expression.selectors:
        matched = {matcher.label for matcher in selector.matchers}
        assert matched <= known_labels()[selector.metric], selector.metric


@each_expression
def test_every_grouping_label_is_one_of_the_series_asked_for(expression: Expression) -> None:
    known = frozenset().union(*(known_labels()[metric] for metric in expression.metrics))
    assert expression.labels <= known


@for_each("query", variable_queries())
def test_every_variable_asks_for_a_label_of_its_series(query: Query) -> None:
    expression, label = selector_of(query)
    assert all(label in known_labels()[metric] for metric in expression.metrics)


@for_each("panel", panels())
def test_every_label_in_a_legend_or_column_comes_out_of_its_query(panel: Panel) -> None:
    legends = " ".join(target.get("legendFormat", "") for target in panel.targets)
    shown = set(re.findall(r"\{\{(\w+)\}\}", legends))
    for step in panel.model.get("transformations", []):
        columns = step["options"].get("renameByName", {})
        shown |= {column for column in columns if not column.startswith("Value")}
    kept = {label for target in panel.targets for label in read(target["expr"]).labels}
    assert shown <= kept


def test_every_family_is_on_a_board_or_says_why_not() -> None:
    used = set[str]().union(*(expression.metrics for expression in expressions().values()))
    waiting = list(used)
    while waiting:
        behind = read(recorded().get(waiting.pop(), "")).metrics - used
        used |= behind
        waiting += behind
    exposed = {
        f"{family.name}_bucket" if family.kind is Kind.HISTOGRAM else family.name for family in ALL
    }
    exposed |= library_families() | feed_families().keys()
    assert exposed - used == ON_NO_BOARD.keys()
