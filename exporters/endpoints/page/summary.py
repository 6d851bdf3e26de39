"""Writes the state and the totals of the page, from one view of the store."""

from collections.abc import Iterator

from exporters.endpoints.page.headline import headline
from exporters.endpoints.page.parts.sources import age
from exporters.endpoints.page.parts.totals import totals
from exporters.endpoints.page.state import State, moment, state_of, without_upstream
from exporters.endpoints.page.text.markup import Markup, element, isolated
from exporters.endpoints.page.text.units import time_text
from exporters.endpoints.summaries import PerSource, Totals, combined
from exporters.settings.addresses import Address
from stats_gateway.clock import Now
from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

MOST_NAMED = 5
"""Sources that a sentence names; the table below the sentence has the others."""


def summary(
    view: View,
    service: Service,
    now: Now,
    senders: Address | None,
    totals_of: PerSource[Totals],
) -> Markup:
    """State and totals. `senders` is where senders connect, if known."""
    state = state_of(view)
    total = combined(map(totals_of.of, view.fresh()))
    notices = _advice(service, senders) if state is State.NEVER else _notices(view, now)
    parts = [
        element(
            "div",
            *headline(view, service, total, now),
            *notices,
            class_=f"state {state}",
        )
    ]
    if state is not State.NEVER:
        parts.append(totals(view.fresh(), service, total))
    return element(
        "section",
        *parts,
        id="summary",
        aria_label="Summary",
        data_state=state,
        data_moment=moment(view),
        data_now=round(now.unix, 3),
    )


def _advice(service: Service, senders: Address | None) -> Iterator[Markup]:
    sender, other = ("proxy", "pool") if service is Service.PROXY else ("pool", "proxy")
    who = "translators" if service is Service.PROXY else "pools"
    yield element(
        "p",
        f"Have your {who} send their snapshots over TCP to ",
        element("code", "--ingest.listen-address" if senders is None else str(senders)),
        " of this service.",
    )
    if senders is not None:
        command = f"stats-feed simulate --{sender} {senders} --{other} none"
        yield element("p", "To try it without one: ", element("code", command))
    yield element(
        "p",
        "If one sends already, the log says why it is refused, and so does ",
        element("code", "stats_gateway_messages_refused_total"),
        " in the ",
        element("a", "metrics", href="metrics"),
        ".",
    )


def _notices(view: View, now: Now) -> Iterator[Markup]:
    down = sorted((one for one in view.sources.values() if not one.up), key=lambda one: one.name)
    items = [
        *_first([_down(source, now) for source in down]),
        *_first([_lost(name) for name in sorted(without_upstream(view.fresh()))]),
    ]
    if items:
        yield element("ul", *items)


def _first(items: list[Markup]) -> Iterator[Markup]:
    yield from items[:MOST_NAMED]
    if len(items) > MOST_NAMED:
        yield element("li", f"and {len(items) - MOST_NAMED} more.")


def _down(source: Source, now: Now) -> Markup:
    at = time_text(source.newest.received.unix)
    return element(
        "li", isolated(source.name), " last sent a snapshot ", age(source, now), f" ago, at {at}."
    )


def _lost(name: str) -> Markup:
    return element("li", isolated(name), " has lost its connection to the pool.")
