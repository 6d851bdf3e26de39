"""A few routes of a service on a real socket, without the rest of it."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from exporters.endpoints.responses import on_http_error
from exporters.http.server import HttpServer
from exporters.settings.addresses import Address, bind, bound_address
from tests.support.web import TIMEOUT_SECONDS, Answer

CLIENTS = 32

Get = Callable[[str], Coroutine[None, None, Answer]]


@asynccontextmanager
async def listening(routes: Iterable[Route]) -> AsyncIterator[int]:
    """Serves these routes, and gives the port."""
    server = HttpServer(
        Starlette(routes=list(routes), exception_handlers={HTTPException: on_http_error})
    )
    listener = bind(Address("127.0.0.1", 0))
    port = bound_address(listener).port
    task = asyncio.create_task(server.serve(listener))
    try:
        yield port
    finally:
        server.stop()
        await task


@asynccontextmanager
async def serving_routes(routes: Iterable[Route]) -> AsyncIterator[Get]:
    """Gives what asks for a path, each time over a connection of its own."""
    # Its own threads: of the loop's there are few, and those are for the server.
    with ThreadPoolExecutor(CLIENTS) as threads:
        async with listening(routes) as port:

            async def get(path: str) -> Answer:
                return await asyncio.get_running_loop().run_in_executor(threads, _get, port, path)

            yield get


def _get(port: int, path: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer
