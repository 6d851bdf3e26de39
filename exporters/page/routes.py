"""The page's paths."""

import asyncio
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporters.addresses import Address
from exporters.page.document import Document
from exporters.page.files import read_file
from stats_gateway.clock import Now
from stats_gateway.store.store import Store


def page_routes(store: Store, clock: Callable[[], Now], senders: Address | None) -> Iterator[Route]:
    """The page and its files. `senders` is where they connect, if known."""
    css = read_file("page.css", "text/css")
    script = read_file("page.js", "text/javascript")
    document = Document(store.service, senders, build=(css.etag + script.etag).replace('"', ""))

    async def page(_request: Request) -> Response:
        view, now = store.view, clock()
        # Adding up a million rows takes a while.
        html = await asyncio.to_thread(document.render, view, now)
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    yield Route("/", page)
    yield Route("/page.css", css.answer)
    yield Route("/page.js", script.answer)
