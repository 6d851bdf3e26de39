"""Says in one sentence what a person wants to know: how many mine, how fast, and when heard."""

from collections.abc import Iterator

from exporters.endpoints.page.parts.sources import age
from exporters.endpoints.page.state import DOWNSTREAMS, State, state_of
from exporters.endpoints.page.text.markup import Markup, element, isolated
from exporters.endpoints.page.text.units import count_text, hashrate_text
from exporters.endpoints.summaries import Totals
from stats_gateway.clock import Now
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

_STATES = {
    State.NEVER: "No source is known.",
    State.DOWN: "No source is heard.",
    State.PARTLY: "Some sources are heard, others are silent.",
    State.EMPTY: "Every source is heard; nobody is connected.",
    State.FRESH: "Every source is heard.",
}
"""What a screen reader says when the state changes; the sentence itself changes every second."""


_SILENT = "Nothing heard from "


def title(view: View, service: Service, total: Totals) -> str:
    """The beginning of the sentence, which stays true while nobody looks at the tab."""
    if not view.sources:
        return "No sender has sent a snapshot yet"
    if not view.fresh():
        return _SILENT + _count_or_name(list(view.sources.values()))
    return _counted(service, total)


def headline(view: View, service: Service, total: Totals, now: Now) -> Iterator[Markup]:
    """The whole sentence, such as `25 miners, 3.25 PH/s; translator-1 last heard 3 s ago`."""
    state = state_of(view)
    begins = [title(view, service, total)]
    if state is State.DOWN:
        begins = [_SILENT, _named(list(view.sources.values()))]
    yield element("p", *begins, *_heard(view, state, now), class_="headline")
    yield element("p", _STATES[state], class_="unseen", role="status")


def _counted(service: Service, total: Totals) -> str:
    rows = DOWNSTREAMS[service]
    if total.rows is None:
        return f"The {rows} are not known"
    if total.rows == 0:
        return f"No {rows} are connected"
    word = rows if total.rows > 1 else rows.removesuffix("s")
    counted = f"{count_text(total.rows)} {word}"
    return counted if total.hashrate is None else f"{counted}, {hashrate_text(total.hashrate)}"


def _heard(view: View, state: State, now: Now) -> Iterator[str]:
    """Who was heard when: the one source, those that are silent, or the one heard longest ago."""
    sources = sorted(view.sources.values(), key=lambda one: one.newest.received.monotonic)
    silent = [one for one in sources if not one.up]
    if state is State.NEVER:
        yield "."
    elif silent:
        if state is State.PARTLY:
            yield from ("; nothing heard from ", _named(silent))
        yield from (" for ", age(silent[-1], now), ".")
    elif len(sources) == 1:
        yield from ("; ", isolated(sources[0].name), " last heard ", age(sources[0], now), " ago.")
    else:
        every = "both" if len(sources) == 2 else f"all {len(sources)}"
        yield f"; {every} sources heard in the last "
        yield from (age(sources[0], now), ".")


def _named(silent: list[Source]) -> str:
    return isolated(silent[0].name) if len(silent) == 1 else _count_or_name(silent)


def _count_or_name(silent: list[Source]) -> str:
    return silent[0].name if len(silent) == 1 else f"{len(silent)} sources"
