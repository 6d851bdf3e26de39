"""The whole page: a template of fixed text, and what fills it."""

from string import Template

from exporters.addresses import Address
from exporters.page.columns import headings
from exporters.page.files import read_file
from exporters.page.markup import element, join
from exporters.page.state import DOWNSTREAMS, State, headline, state_of
from exporters.page.summary import summary
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


class Document:
    """The page of one service."""

    def __init__(self, service: Service, senders: Address | None, build: str) -> None:
        """`build` names the files that the page goes with."""
        self._service = service
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
            "columns": headings(service),
        }
        self._template = Template(read_file("index.html", "text/html").content.decode())

    def render(self, view: View, now: Now) -> str:
        """The page as it is at this moment."""
        return self._template.substitute(
            self._fixed,
            title=f"{headline(view)} {self._service.value}",
            icon=_ICON.format(color=_COLORS[state_of(view)]),
            summary=summary(view, self._service, now, self._senders),
        )
