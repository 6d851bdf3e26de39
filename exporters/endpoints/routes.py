"""Says which path of the HTTP interface is answered with what."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporters.endpoints import lists
from exporters.endpoints.documents.description import description_routes
from exporters.endpoints.documents.manuals import manual_routes, read_manual
from exporters.endpoints.history.alerts import AlertEndpoints
from exporters.endpoints.history.charts import ChartEndpoints
from exporters.endpoints.history.hashrate import HistoryEndpoints
from exporters.endpoints.lists import Json, Lists, Page
from exporters.endpoints.negotiation import accepts_gzip, choose_format
from exporters.endpoints.old_shapes import OldEndpoints
from exporters.endpoints.page.routes import page_routes
from exporters.endpoints.page.state import moment
from exporters.endpoints.responses import JsonAnswer, has_current, on_http_error, streamed
from exporters.endpoints.summaries import PerSource, Totals, totals_of
from exporters.exposition.body import Selection
from exporters.exposition.families.family import RowsT
from exporters.exposition.gzip_parts import deflate, gzip_member, inflate
from exporters.exposition.publisher import Publisher
from exporters.exposition.self_metrics import SelfMetrics
from exporters.exposition.text_format import OPENMETRICS_END, Format
from exporters.history.answers import History
from exporters.history.drawn import Drawn
from exporters.settings.addresses import Address
from stats_gateway.clock import Now
from stats_gateway.store.sources import View
from stats_gateway.store.store import Store
from stats_gateway.wire.services import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints(Generic[RowsT]):
    """The answers to requests, and the parts of the service that the answers are made from."""

    service: Service
    store: Store
    publisher: Publisher[RowsT]
    self_metrics: SelfMetrics
    clock: Callable[[], Now]
    ingest_address: Address | None = None
    """The address for senders, which the page tells."""
    history: History | None = None
    """Hashrate over time; None where no Prometheus is configured."""
    drawn: Drawn | None = None
    """History and alerts for the page; None where no Prometheus is configured."""
    old_shapes: bool = False
    """Whether the old services' paths answer in their shapes."""
    lists: Lists = field(default_factory=Lists)
    totals: PerSource[Totals] = field(default_factory=lambda: PerSource(totals_of))
    """The totals of each source, for the page as well."""

    async def metrics(self, request: Request) -> Response:
        """The exposition, whole or narrowed by `name[]` and `source`."""
        query = request.query_params
        selection = Selection(
            names=frozenset(query.getlist("name[]")), sources=frozenset(query.getlist("source"))
        )
        format_ = choose_format(", ".join(request.headers.getlist("accept")))
        body = await self.publisher.body(selection, format_)
        own = self.self_metrics.render(selection, format_)
        end = OPENMETRICS_END if format_ is Format.OPENMETRICS else b""
        headers = {"vary": "Accept, Accept-Encoding"}
        if not accepts_gzip(", ".join(request.headers.getlist("accept-encoding"))):
            length = len(own) + body.size + len(end)
            chunks = chain((own,), inflate(body), (end,))
            return streamed(request, chunks, length, format_.value, headers)
        member = list(gzip_member((deflate([own]), body, deflate([end]))))
        headers["content-encoding"] = "gzip"
        return streamed(request, member, sum(map(len, member)), format_.value, headers)

    async def miners(self, request: Request) -> Response:
        """The miners, all of them or a page."""
        return await self._list(request, self.lists.miners)

    async def connections(self, request: Request) -> Response:
        """The connections of the pool, all of them or a page."""
        return await self._list(request, self.lists.connections)

    async def services(self, request: Request) -> Response:
        """The services of the pool, all of them or a page."""
        return await self._list(request, lists.services)

    async def stats(self, _request: Request) -> Response:
        """The totals, and the sources one by one."""
        answer = await asyncio.to_thread(
            lists.stats, self.store.view, self.service, self.totals, self.clock()
        )
        return JsonAnswer(answer)

    async def health(self, _request: Request) -> Response:
        """Whether any source is fresh."""
        answer = lists.health(self.store.view, self.clock())
        return JsonAnswer(answer, status_code=200 if answer["healthy"] else 503)

    async def healthy(self, _request: Request) -> Response:
        """Says that the process answers."""
        return PlainTextResponse(f"{self.service.value} is Healthy.\n")

    async def ready(self, _request: Request) -> Response:
        """Says that both listeners are open: nothing is served before that."""
        return PlainTextResponse(f"{self.service.value} is Ready.\n")

    async def _list(self, request: Request, list_of: Callable[[View, Page], Json]) -> Response:
        page = _page(request)
        view = self.store.view
        headers = {"etag": f'"{moment(view)}"', "cache-control": "no-cache"}
        if has_current(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return await asyncio.to_thread(lambda: JsonAnswer(list_of(view, page), headers=headers))

    def routes(self) -> Iterator[Route]:
        """Every path of this service."""
        yield Route("/metrics", self.metrics)
        yield from page_routes(
            *(self.store, self.clock, self.ingest_address, self.totals, self.lists),
            has_history=self.drawn is not None,
        )
        if self.old_shapes:
            # First, since the first route of a path is the one that answers.
            yield from OldEndpoints(service=self.service, store=self.store).routes()
        if self.service is Service.PROXY:
            yield Route("/api/miners", self.miners)
        else:
            yield Route("/api/connections", self.connections)
            yield Route("/api/services", self.services)
        yield Route("/api/stats", self.stats)
        history = HistoryEndpoints(service=self.service, history=self.history, clock=self.clock)
        yield from history.routes()
        charts = ChartEndpoints(service=self.service, drawn=self.drawn, clock=self.clock)
        yield from charts.routes()
        yield from description_routes(self.service)
        runbook = read_manual("runbook", self.service)
        yield from manual_routes(runbook, self.service)
        alerts = AlertEndpoints(
            service=self.service, drawn=self.drawn, clock=self.clock, runbook=runbook
        )
        yield from alerts.routes()
        yield Route("/health", self.health)
        yield Route("/-/healthy", self.healthy)
        yield Route("/-/ready", self.ready)


def build_app(endpoints: Endpoints[RowsT]) -> Starlette:
    """The ASGI application."""
    app = Starlette(
        routes=list(endpoints.routes()),
        exception_handlers={HTTPException: on_http_error, Exception: on_http_error},
    )
    # A redirect of `/metrics/` would lead wherever the Host header says.
    app.router.redirect_slashes = False
    return app


def _page(request: Request) -> Page:
    return Page(offset=_whole_number(request, "offset"), limit=_whole_number(request, "limit"))


def _whole_number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(2**63)):
        raise HTTPException(400, f"{name} must be a whole number from 0, not {text[:32]!r}")
    return int(text)
