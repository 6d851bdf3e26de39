"""Fills the templates of the status page and of the pages of rows with the state of one moment."""

from dataclasses import dataclass
from string import Template

from exporters.endpoints.lists import Lists
from exporters.endpoints.page.downstream import Subject, downstream
from exporters.endpoints.page.headline import title
from exporters.endpoints.page.parts.columns import headings, rows_as_html
from exporters.endpoints.page.parts.sources import source_table, table
from exporters.endpoints.page.state import DOWNSTREAMS, State, row_count, state_of
from exporters.endpoints.page.summary import summary
from exporters.endpoints.page.text.markup import Markup, element, join
from exporters.endpoints.page.text.units import count_text
from exporters.endpoints.summaries import PerSource, Totals, combined
from exporters.settings.addresses import Address
from stats_gateway import __version__
from stats_gateway.clock import Now
from stats_gateway.store.sources import View
from stats_gateway.wire.services import Service

PLAIN_ROWS = 100
"""Rows of the table without JavaScript, which is sent whole every 10 s; the API has all rows."""

_LINKS = {
    Service.PROXY: {"api/miners": "Miners"},
    Service.POOL: {"api/connections": "Connections", "api/services": "Services"},
}
_COMMON_LINKS = {"runbook": "Runbook", "metrics": "Metrics", "api": "API"}

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The files that the pages are made from, and `build`, which names their scripts and styles."""

    build: str
    page: str
    status: str
    downstream: str
    history: str


class Document:
    """The pages of one service."""

    def __init__(
        self,
        service: Service,
        senders: Address | None,
        templates: Templates,
        totals: PerSource[Totals],
        lists: Lists,
        *,
        has_history: bool = False,
    ) -> None:
        """`senders` is where senders connect; `has_history`: a Prometheus is configured."""
        self._service = service
        self._totals = totals
        self._senders = senders
        self._lists = lists
        self._has_history = has_history
        self._templates = templates
        rows = DOWNSTREAMS[service]
        self._fixed = {
            "build": templates.build,
            "service": service.value,
            "version": __version__,
            "rows": rows.capitalize(),
            "list": rows,
            "columns": headings(service),
        }

    def status(self, view: View, now: Now, *, with_rows: bool = True) -> str:
        """The status page as text, at the moment of `view`."""
        total = combined(map(self._totals.of, view.fresh()))
        main = Template(self._templates.status).substitute(
            self._fixed,
            summary=summary(view, self._service, now, self._senders, self._totals),
            history=self._history("", "./"),
            sources=source_table(view, self._service, now, self._totals) if view.sources else "",
            plain=self._plain(view, now) if with_rows else "",
        )
        name = f"{title(view, self._service, total)} · {self._service.value}"
        return self._page(main, name, "./", view, element("h1", self._service.value))

    def downstream(self, view: View, now: Now, subject: Subject, root: str) -> str:
        """The page of one miner or connection, which is `root` away from the status page."""
        main = Template(self._templates.downstream).substitute(
            self._fixed,
            title=element("h1", subject.title),
            summary=downstream(view, subject, now),
            history=self._history(subject.query, root),
        )
        home = element("p", element("a", self._service.value, href=root), class_="home")
        return self._page(main, f"{subject.title} · {self._service.value}", root, view, home)

    def _page(self, main: str, name: str, root: str, view: View, home: Markup) -> str:
        links = _LINKS[self._service] | _COMMON_LINKS
        return Template(self._templates.page).substitute(
            self._fixed,
            root=root,
            title=join([name]),
            icon=_ICON.format(color=_COLORS[state_of(view)]),
            home=home,
            links=join(element("a", text, href=root + path) for path, text in links.items()),
            main=main,
        )

    def _history(self, query: str, root: str) -> str:
        if not self._has_history:
            return element(
                "p",
                "Set ",
                element("code", "--history.prometheus-url"),
                " to see history and alerts here.",
                class_="hint",
            )
        history = Template(self._templates.history)
        return history.substitute(self._fixed, root=root, query=join([query]))

    def _plain(self, view: View, now: Now) -> Markup:
        """The first rows as a table, for browsers without JavaScript."""
        rows = DOWNSTREAMS[self._service]
        shown = self._lists.first(view, self._service, PLAIN_ROWS)
        total = row_count(view.fresh()) or 0
        caption = rows.capitalize()
        if total > len(shown):
            caption += f", the first {len(shown)} of {count_text(total)}"
        return table(caption, caption, *rows_as_html(self._service, shown, now, "./"))
