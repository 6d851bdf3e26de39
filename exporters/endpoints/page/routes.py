"""Answers the paths of the pages and of the files that belong to the pages."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporters.endpoints.lists import Lists, is_downstream_id
from exporters.endpoints.page.document import Document, Templates
from exporters.endpoints.page.downstream import Subject
from exporters.endpoints.responses import has_current
from exporters.endpoints.summaries import PerSource, Totals
from exporters.settings.addresses import Address
from stats_gateway.clock import Now
from stats_gateway.store.store import Store
from stats_gateway.wire.services import Service

FILES = {
    "page.css": "text/css",
    "script/page.js": "text/javascript",
    "script/asking.js": "text/javascript",
    "script/units.js": "text/javascript",
    "script/rows.js": "text/javascript",
    "script/window.js": "text/javascript",
    "script/sparklines.js": "text/javascript",
    "script/history.js": "text/javascript",
    "script/chart.js": "text/javascript",
    "script/alerts.js": "text/javascript",
    "vendor/uPlot.iife.min.js": "text/javascript",
    "vendor/uPlot.min.css": "text/css",
    "vendor/uPlot.LICENSE": "text/plain",
}
"""Every file that is sent as it is, below `/assets/`, with its type."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that is sent as it is."""

    content: bytes
    media_type: str
    etag: str

    async def answer(self, request: Request) -> Response:
        """Send the file, or 304 to a browser that has it: browsers ask each time."""
        headers = {"cache-control": "no-cache", "etag": self.etag}
        if has_current(request, self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def read_templates(build: str) -> Templates:
    """The templates that are shipped with the service."""
    folder = files("exporters.endpoints.page") / "assets"
    names = ("page", "status", "downstream", "history")
    texts = {name: (folder / f"{name}.html").read_text("utf-8") for name in names}
    return Templates(build=build, **texts)


def _read_file(name: str, media_type: str) -> PageFile:
    """Read one of the files in `assets`."""
    content = (files("exporters.endpoints.page") / "assets" / name).read_bytes()
    return PageFile(content, media_type, f'"{sha256(content).hexdigest()[:16]}"')


@dataclass(frozen=True, slots=True)
class PageEndpoints:
    """The pages; `document` writes them."""

    store: Store
    clock: Callable[[], Now]
    document: Document

    async def status(self, request: Request) -> Response:
        """The status page; the page itself asks for `?live`, which has no rows."""
        view, now = self.store.view, self.clock()
        with_rows = "live" not in request.query_params
        # Adding up a million new rows takes a while.
        html = await asyncio.to_thread(self.document.status, view, now, with_rows=with_rows)
        return _uncached(html)

    async def miner(self, request: Request) -> Response:
        """The page of one miner, whose name may have slashes."""
        return await self._downstream(request, request.path_params["name"])

    async def connection(self, request: Request) -> Response:
        """The page of one connection."""
        id_ = request.path_params["downstream_id"]
        if not is_downstream_id(id_):
            raise HTTPException(404, "no connection has this path")
        return await self._downstream(request, id_)

    async def _downstream(self, request: Request, row: str) -> Response:
        source = request.query_params.get("source")
        subject = Subject(service=self.store.service, row=row, source=source)
        view, now = self.store.view, self.clock()
        # The path as the browser has it: a name's own slashes are encoded, or count here.
        path = bytes(request.scope["raw_path"]).partition(b"?")[0]
        root = "../" * (path.count(b"/") - 1)
        html = await asyncio.to_thread(self.document.downstream, view, now, subject, root)
        return _uncached(html)


def _uncached(html: str) -> Response:
    return HTMLResponse(html, headers={"cache-control": "no-store"})


def page_routes(
    store: Store,
    clock: Callable[[], Now],
    senders: Address | None,
    totals: PerSource[Totals],
    lists: Lists,
    *,
    has_history: bool,
) -> Iterator[Route]:
    """The pages and their files. `senders` is where senders connect, if known."""
    assets = {name: _read_file(name, media_type) for name, media_type in FILES.items()}
    build = sha256("".join(one.etag for one in assets.values()).encode()).hexdigest()[:16]
    document = Document(
        store.service, senders, read_templates(build), totals, lists, has_history=has_history
    )
    pages = PageEndpoints(store, clock, document)
    yield Route("/", pages.status)
    if store.service is Service.PROXY:
        yield Route("/miner/{name:path}", pages.miner)
    else:
        yield Route("/connection/{downstream_id}", pages.connection)
    for name, one in assets.items():
        yield Route(f"/assets/{name}", one.answer)
