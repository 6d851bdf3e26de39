"""Fills the template of the status page with the state of one moment."""

from dataclasses import dataclass
from string import Template

from exporters.endpoints.page.state import DOWNSTREAMS, State, headline, state_of
from exporters.endpoints.page.summary import summary
from exporters.endpoints.page.text.markup import Markup, element, join
from exporters.endpoints.summaries import PerSource, Totals
from exporters.settings.addresses import Address
from stats_gateway import __version__
from stats_gateway.clock import Now
from stats_gateway.store.sources import View
from stats_gateway.wire.services import Service

_LINKS = {
    Service.PROXY: {"api/miners": "Miners"},
    Service.POOL: {"api/connections": "Connections", "api/services": "Services"},
}
_COMMON_LINKS = {"metrics": "Metrics", "health": "Health", "api/stats": "Totals"}

_COLORS = {
    State.NEVER: "888",
    State.DOWN: "d22",
    State.PARTLY: "e80",
    State.EMPTY: "888",
    State.FRESH: "2a4",
}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='7' fill='%23{color}'/%3E%3C/svg%3E"
)
"""A dot, so that a row of tabs tells which service needs a look."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of rows, which shows a field of the API's rows."""

    label: str
    field: str
    kind: str = "text"
    """How `page.js` shows the field: one of the kinds that it knows."""
    rare: bool = False
    """Whether the column is hidden while its field is unknown in every row."""


_SHARES = (
    Column("Hashrate", "hashrate", "hashrate"),
    Column("Shares", "shares_submitted", "count"),
    Column("Rejected", "shares_rejected", "rejected"),
)
_AGENT = Column("Agent", "agent", rare=True)
_TIMES = (
    Column("Connected", "connected_at", "since"),
    Column("Last share", "last_share_at", "ago"),
    Column("Address", "address"),
    Column("ID", "downstream_id", "id"),
)
COLUMNS = {
    Service.PROXY: (
        Column("Name", "name"),
        Column("Source", "source"),
        Column("State", "state", "state"),
        *_SHARES,
        Column("Difficulty", "difficulty", "count", rare=True),
        *_TIMES,
        _AGENT,
    ),
    Service.POOL: (
        Column("Type", "connection_type"),
        Column("Name", "name"),
        Column("Source", "source"),
        *_SHARES,
        Column("Channels", "channels", "length"),
        Column("Quotes", "quotes_created", "count"),
        Column("Ehash", "ehash_mined", "count"),
        *_TIMES,
        _AGENT,
    ),
}


class Document:
    """The page of one service."""

    def __init__(
        self,
        service: Service,
        senders: Address | None,
        build: str,
        template: str,
        totals: PerSource[Totals],
    ) -> None:
        """`build` names the files that the page goes with; `template` is the text of the page."""
        self._service = service
        self._totals = totals
        self._senders = senders
        links = _COMMON_LINKS | _LINKS[service]
        rows = DOWNSTREAMS[service]
        self._fixed = {
            "build": build,
            "service": service.value,
            "version": __version__,
            "links": join(element("a", text, href=path) for path, text in links.items()),
            "rows": rows.capitalize(),
            "list": rows,
            "caption": "Choose a heading to sort.",
            "columns": _headings(service),
        }
        self._template = Template(template)

    def render(self, view: View, now: Now) -> str:
        """The page as text, at the moment of `view`."""
        return self._template.substitute(
            self._fixed,
            title=f"{headline(view)} {self._service.value}",
            icon=_ICON.format(color=_COLORS[state_of(view)]),
            summary=summary(view, self._service, now, self._senders, self._totals),
        )


def _headings(service: Service) -> Markup:
    """The cells of the head; a click on one sorts by it."""
    return join(map(_heading, COLUMNS[service]))


def _heading(column: Column) -> Markup:
    return element(
        "th",
        element("button", column.label, type="button"),
        scope="col",
        data_field=column.field,
        data_kind=column.kind,
        data_rare="" if column.rare else None,
    )
