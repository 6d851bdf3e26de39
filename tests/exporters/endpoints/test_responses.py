"""An answer in pieces, over a real socket."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.responses import SEND_BYTES, streamed
from tests.support.routes import listening

pytestmark = pytest.mark.anyio

PIECES = 200


class Pieces:
    """An answer of many pieces, which counts those that were made."""

    def __init__(self) -> None:
        self.made = 0

    async def answer(self, request: Request) -> Response:
        length = PIECES * SEND_BYTES
        return streamed(request, self._pieces(), length, "text/plain", {"x-kept": "1"})

    def _pieces(self) -> Iterator[bytes]:
        for _ in range(PIECES):
            self.made += 1
            yield bytes(SEND_BYTES)


async def ask(port: int, method: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request for the pieces, and read nothing yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return reader, writer


async def test_no_piece_is_made_for_a_client_that_has_left() -> None:
    pieces = Pieces()
    async with listening([Route("/", pieces.answer)]) as port:
        reader, writer = await ask(port, "GET")
        await reader.readexactly(100_000)
        writer.transport.abort()
    assert 0 < pieces.made < PIECES


async def test_who_stays_gets_all_of_it_and_head_makes_nothing() -> None:
    for method, made in (("GET", PIECES), ("HEAD", 0)):
        pieces = Pieces()
        async with listening([Route("/", pieces.answer)]) as port:
            reader, writer = await ask(port, method)
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
            writer.close()
        assert f"content-length: {PIECES * SEND_BYTES}".encode() in head
        assert b"x-kept: 1" in head
        assert (len(body), pieces.made) == (made * SEND_BYTES, made)
