"""The listener itself, on a real socket."""

import asyncio
import gc
import socket
import warnings
from contextlib import ExitStack

import pytest
from starlette.responses import PlainTextResponse

from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.server import HttpServer
from exporters.settings.addresses import Address, bind
from exporters.settings.limits import WebLimits

pytestmark = pytest.mark.anyio


async def test_a_connection_that_gives_way_before_its_task_began_is_closed() -> None:
    refusals = Refusals()
    server = HttpServer(
        PlainTextResponse("fine"), limits=WebLimits(max_connections=1), refusals=refusals
    )
    listener = bind(Address("127.0.0.1", 0))
    listener.listen()
    with ExitStack() as stack, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        # All are in the kernel's queue before the listener takes the first: it takes them at once.
        clients = [
            stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(5)
        ]
        task = asyncio.create_task(server.serve(listener))
        clients[-1].sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [await asyncio.to_thread(client.recv, 20) for client in clients]
        assert answers == [b"", b"", b"", b"", b"HTTP/1.1 200 OK\r\ndat"]
        server.stop()
        await task
        gc.collect()
        assert [str(one.message) for one in seen] == []
    assert refusals.counts == {HttpReason.TOO_MANY_CONNECTIONS: 4}
