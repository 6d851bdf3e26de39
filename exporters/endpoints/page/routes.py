"""Answers the paths of the status page and of the files that belong to the page."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporters.endpoints.page.document import Document
from exporters.endpoints.responses import has_current
from exporters.endpoints.summaries import PerSource, Totals
from exporters.settings.addresses import Address
from stats_gateway.clock import Now
from stats_gateway.store.store import Store


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


def _read_file(name: str, media_type: str) -> PageFile:
    """Read one of the files in `assets`."""
    content = (files("exporters.endpoints.page") / "assets" / name).read_bytes()
    return PageFile(content, media_type, f'"{sha256(content).hexdigest()[:16]}"')


def page_routes(
    store: Store,
    clock: Callable[[], Now],
    senders: Address | None,
    totals: PerSource[Totals],
) -> Iterator[Route]:
    """The page and its files. `senders` is where senders connect, if known."""
    css = _read_file("page.css", "text/css")
    script = _read_file("page.js", "text/javascript")
    template = _read_file("index.html", "text/html").content.decode()
    build = (css.etag + script.etag).replace('"', "")
    document = Document(store.service, senders, build, template, totals)

    async def page(_request: Request) -> Response:
        view, now = store.view, clock()
        # Adding up a million new rows takes a while.
        html = await asyncio.to_thread(document.render, view, now)
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    yield Route("/", page)
    yield Route("/page.css", css.answer)
    yield Route("/page.js", script.answer)
