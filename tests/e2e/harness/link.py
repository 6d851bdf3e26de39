"""The network between a sender and a service: forwards, until it is told to do worse."""

import asyncio
import contextlib
import socket
import struct
from contextlib import ExitStack
from typing import Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.e2e.harness.program import LOOPBACK

CHUNK = 65536


class Link:
    """A TCP forwarder to the port `target`, from `port`; runs on a thread of its own.

    While it is cut, no byte passes and no connection gets through; both ends see only silence.
    While it refuses, every connection is reset; where nobody listens on `target`, each is closed.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._stack = ExitStack()
        self._passing = asyncio.Event()
        self._refusing = False
        self._writers: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._portal: BlockingPortal

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._portal.call(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._portal.call(self._close)
        self._stack.close()

    def cut(self) -> None:
        """Forward nothing from now on."""
        self._portal.call(self._passing.clear)

    def heal(self) -> None:
        """Forward again, and what was held back first."""
        self._refusing = False
        self._portal.call(self._passing.set)

    def refuse(self) -> None:
        """Reset every connection from now on."""
        self._refusing = True
        self._portal.call(self._reset)

    def reset(self) -> None:
        """Reset every connection at both ends, and lose what was under way."""
        self._portal.call(self._reset)

    def forget_senders(self) -> None:
        """Reset every connection at the sender's end only: the service still sees it open."""
        self._portal.call(self._forget_senders)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._passing.set()

    async def _close(self) -> None:
        self._server.close()
        self._reset()
        self._passing.set()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if self._refusing:
            _abort(writer)
            return
        if not self._server.is_serving():
            writer.close()
            return
        try:
            from_service, to_service = await asyncio.open_connection(LOOPBACK, self._target)
        except ConnectionError:
            writer.close()
            return
        self._writers.append((writer, to_service))
        await asyncio.gather(self._pump(reader, to_service), self._pump(from_service, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A reset ends it without a goodbye to the other end.
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
            await self._passing.wait()
            writer.close()

    def _reset(self) -> None:
        for pair in self._writers:
            for writer in pair:
                _abort(writer)
        self._writers.clear()

    def _forget_senders(self) -> None:
        for to_sender, _ in self._writers:
            _abort(to_sender)


def _abort(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        peer: socket.socket = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
