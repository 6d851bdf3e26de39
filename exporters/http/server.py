"""uvicorn's protocol on a socket that we accept on ourselves, started and stopped by us."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from exporters.access.web_config import WebConfig
from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.protocol import QUIET_LOGGER, HttpProtocol
from exporters.settings.limits import WebLimits
from stats_gateway.server.accept_loop import Peername, accepted, hand_over, peer_address

KEEP_ALIVE_SECONDS = 75
"""Longer than any usual scrape interval, so that a scraper keeps its connection."""

DRAIN_SECONDS = 2
"""How long answers under way may take once we are told to stop."""

HEADER_BYTES = 16 * 1024
"""Of a request: a scrape's is below 1 KiB, and a few hundred `name[]` fit."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the service, which has two listeners to stop."""
        yield


class HttpServer:
    """Serves one application on one listening socket."""

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig] = WebConfig,
        limits: WebLimits | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._config = config
        self._limits = limits or WebLimits()
        self._refusals = refusals or Refusals()
        self._uvicorn = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Nobody may say who they are: bounds are for addresses, and logs name them.
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        self._server = _Server(self._uvicorn)
        self._handshakes: dict[asyncio.Task[None], str] = {}
        """Connections that are not handed over yet, and their addresses."""
        self._accepting: asyncio.Task[None] | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Answer until `stop`; then finish what is under way."""
        logging.getLogger(QUIET_LOGGER).setLevel(logging.ERROR)
        self._accepting = asyncio.create_task(self._accept(listener))
        # It must not go on without being able to accept.
        self._accepting.add_done_callback(lambda _: self.stop())
        with listener:
            await self._server.serve(sockets=[])
            self.stop()
        for task in self._handshakes:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._accepting

    def stop(self) -> None:
        """Have `serve` end soon."""
        self._server.should_exit = True
        if self._accepting is not None:
            self._accepting.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        async for connection, peername in accepted(listener):
            task = asyncio.create_task(self._converse(connection, peername))
            self._handshakes[task] = peer_address(peername)[0]
            task.add_done_callback(self._handshakes.pop)

    async def _converse(self, connection: socket.socket, peername: Peername) -> None:
        client = peer_address(peername)
        if not self._has_room(client[0]):
            detail = "as many connections are open as web.max_connections allows"
            self._refusals.add(HttpReason.TOO_MANY_CONNECTIONS, client, detail)
            connection.close()
            return
        config = self._config()
        protocol = HttpProtocol(
            self._uvicorn,
            self._server.server_state,
            self._limits,
            self._refusals,
            frozenset() if config.tls is None else config.tls.client_allowed_sans,
        )
        try:
            await hand_over(connection, protocol, config.context, self._limits.request_seconds)
        except OSError as error:
            connection.close()
            self._refusals.add(HttpReason.TLS_HANDSHAKE, client, str(error))
        except Exception as error:  # noqa: BLE001 - whatever one client brings about, the others go on
            connection.close()
            self._refusals.add(HttpReason.INTERNAL_ERROR, client, repr(error))

    def _has_room(self, address: str) -> bool:
        """Whether one more from `address` may come; makes room by closing one that asks nothing.

        It is one of the address with most of them, and only where that has no fewer connections
        than `address`: so a client with many does not drive out one with a few.
        """
        clients = [
            one
            for one in self._server.server_state.connections
            if isinstance(one, HttpProtocol) and not one.is_refused
        ]
        # This connection is itself among the handshakes.
        if len(clients) + len(self._handshakes) <= self._limits.max_connections:
            return True
        held = Counter(map(_address, clients)) + Counter(self._handshakes.values())
        idle = [one for one in clients if one.is_idle]
        victim = max(idle, key=lambda one: held[_address(one)], default=None)
        if victim is None or held[_address(victim)] < held[address]:
            return False
        victim.refuse(HttpReason.TOO_MANY_CONNECTIONS, "makes room, since it asked nothing")
        return True


def _address(client: HttpProtocol) -> str:
    return "" if client.client is None else client.client[0]
