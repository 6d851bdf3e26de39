"""Writes the table of sources: who sends, how long ago, and how much."""

from collections.abc import Iterable

from exporters.endpoints.page.parts.totals import MOST_SERVICES
from exporters.endpoints.page.state import DOWNSTREAMS
from exporters.endpoints.page.text.markup import Markup, element, isolated
from exporters.endpoints.page.text.units import (
    UNKNOWN,
    count_text,
    duration_text,
    hashrate_text,
    time_text,
)
from exporters.endpoints.summaries import PerSource, Totals
from stats_gateway.clock import Now
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

MOST_SOURCES = 200
"""Rows of the table, with the sources that are down first; the API has all sources."""

LATE_INTERVALS = 1.5
"""A source is late after this many intervals: a snapshot was lost or is slow."""


def source_table(view: View, service: Service, now: Now, totals_of: PerSource[Totals]) -> Markup:
    """Every source with its age against its interval."""
    sources = sorted(view.sources.values(), key=lambda source: (source.up, source.name))
    shown = sources[:MOST_SOURCES]
    rows = [_row(source, service, now, totals_of.of(source)) for source in shown]
    title = f"Sources, {len(shown)} of {count_text(len(sources))}"
    if len(shown) == len(sources):
        title = "Sources"
    return table(title, "Sources", map(_heading, _headings(service)), rows)


def table(title: str, label: str, headings: Iterable[Markup], rows: Iterable[Markup]) -> Markup:
    """A table that is scrolled sideways where it does not fit, by keyboard as well."""
    return element(
        "div",
        element(
            "table",
            element("caption", title),
            element("thead", element("tr", *headings)),
            element("tbody", *rows),
        ),
        class_="scroll",
        role="region",
        aria_label=label,
        tabindex=0,
    )


def age(source: Source, now: Now) -> Markup:
    """The time since the newest snapshot arrived; the script of the page counts on from there."""
    seconds = max(0.0, now.monotonic - source.newest.received.monotonic)
    return element(
        "time",
        duration_text(seconds),
        datetime=time_text(source.newest.received.unix).replace(" UTC", "Z"),
        title=time_text(source.newest.received.unix),
        data_age=round(seconds, 1),
    )


def _headings(service: Service) -> Iterable[str]:
    elsewhere = "Upstream" if service is Service.PROXY else "Listens on"
    downstreams = DOWNSTREAMS[service].capitalize()
    return ("Source", "State", "Last snapshot", "Sent every", downstreams, "Hashrate", elsewhere)


def _heading(text: str) -> Markup:
    return element("th", text, scope="col", class_="number" if text in _NUMBERS else None)


_NUMBERS = {"Last snapshot", "Sent every", "Hashrate", *map(str.capitalize, DOWNSTREAMS.values())}


def _row(source: Source, service: Service, now: Now, totals: Totals) -> Markup:
    seconds = now.monotonic - source.newest.received.monotonic
    late = round(source.interval * LATE_INTERVALS, 1)
    state = "down" if not source.up else "late" if seconds > late else "up"
    return element(
        "tr",
        element("th", isolated(source.name), scope="row"),
        element("td", element("span", state, class_=f"badge {state}")),
        element("td", age(source, now), " ago", class_="number"),
        element("td", f"{source.interval:g} s", class_="number"),
        element("td", count_text(totals.rows), class_="number"),
        element("td", hashrate_text(totals.hashrate), class_="number"),
        element("td", *_elsewhere(source, service)),
        data_late=late if source.up else None,
    )


def _elsewhere(source: Source, service: Service) -> Iterable[str]:
    if service is Service.POOL:
        addresses = [one.address for one in source.services[:MOST_SERVICES]]
        return (", ".join(addresses) or UNKNOWN,)
    upstream = source.upstream
    if upstream is None:
        return (UNKNOWN,)
    network = f" ({upstream.network})" if upstream.network else ""
    parts: list[str] = [f"{upstream.address}{network}"]
    if upstream.connected is not None:
        state = "up" if upstream.connected else "down"
        text = "connected" if upstream.connected else "disconnected"
        parts += [" ", element("span", text, class_=f"badge {state}")]
    return parts
