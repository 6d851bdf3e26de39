"""A gateway's TCP side on a real socket, and peers that speak to it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgpack

from stats_gateway.intake.counters import Counters
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.server.connection import Shared
from stats_gateway.server.server import GatewayServer
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from tests.support.snapshots import Fields, frame, line

TIMEOUT_SECONDS = 30.0
WRITE: dict[Encoding, Callable[[object], bytes]] = {
    Encoding.FRAMES: frame,
    Encoding.JSON_LINES: line,
}


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; fails where it never does."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0.005)


class Peer:
    """One connection to a gateway."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, encoding: Encoding
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._encoding = encoding

    async def send(self, *messages: Fields | bytes) -> None:
        """Write messages, or bytes as they are."""
        write = WRITE[self._encoding]
        self.writer.write(b"".join(m if isinstance(m, bytes) else write(m) for m in messages))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.writer.drain()

    async def answer(self) -> Fields:
        """The gateway's next message."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if self._encoding is Encoding.JSON_LINES:
                return dict(json.loads(await self.reader.readline()))
            size = int.from_bytes(await self.reader.readexactly(4), "big")
            return dict(msgpack.unpackb(await self.reader.readexactly(size)))

    async def ask(self, message: Fields) -> Fields:
        """The answer to `message`."""
        await self.send(message)
        return await self.answer()

    async def end(self) -> bytes:
        """What else comes, once the gateway has closed the connection."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self.reader.read()
        except ConnectionError:
            return b""


@dataclass(frozen=True)
class Ingest:
    """A gateway that listens."""

    store: Store
    counters: Counters
    port: int

    @asynccontextmanager
    async def peer(self, encoding: Encoding = Encoding.FRAMES) -> AsyncIterator[Peer]:
        """A connection, closed at the end of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer, encoding)
        finally:
            writer.close()

    def shown(self) -> dict[str, list[int]]:
        """The ids of the rows that each fresh source shows."""
        return {
            source.name: list(source.rows.downstream_id)
            for source in self.store.view.fresh()
            if source.rows is not None
        }

    async def until_shown(self, expected: Mapping[str, list[int]]) -> None:
        """Return once exactly these rows are shown."""
        await until(lambda: self.shown() == expected)


@asynccontextmanager
async def listening(
    limits: Limits | None = None, service: Service = Service.PROXY
) -> AsyncIterator[Ingest]:
    """A gateway on a free port of this machine, up until the end of the block."""
    limits = limits or Limits()
    listener = socket.create_server(("127.0.0.1", 0))
    with ThreadPoolExecutor(1) as worker:
        intake = Intake(Store(service, limits), limits)
        shared = Shared(intake=intake, worker=worker, limits=limits)
        async with GatewayServer(shared) as server:
            await server.start(listener)
            yield Ingest(intake.store, intake.counters, listener.getsockname()[1])
