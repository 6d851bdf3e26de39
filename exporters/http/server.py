"""Accepts HTTP connections, has uvicorn's protocol serve them, and stops when it is told to."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from exporters.access.web_config import WebConfig
from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.protocol import QUIET_LOGGER, HttpProtocol
from exporters.settings.limits import WebLimits
from stats_gateway.errors import ConnectionRefused
from stats_gateway.server.accept_loop import accepted, hand_over, peer_address
from stats_gateway.server.admission import Admission, Number, Standing

KEEP_ALIVE_SECONDS = 75
"""How long a connection may rest: longer than any usual scrape interval."""

DRAIN_SECONDS = 2
"""How long answers under way may take once the service is told to stop."""

CANCEL_SECONDS = DRAIN_SECONDS + 1
"""When uvicorn cancels what is still running: later, since it logs each answer that it cancels."""

HEADER_BYTES = 16 * 1024
"""The longest header of a request: a scrape's is below 1 KiB, and a few hundred `name[]` fit."""


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
            # A client may not choose its address: bounds are for addresses, and logs name them.
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=CANCEL_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        self._server = _Server(self._uvicorn)
        self._admission = Admission(self._limits.max_connections)
        self._last: Number = 0
        self._open: dict[Number, tuple[HttpProtocol, asyncio.Task[None]]] = {}
        """The admitted connections, each with the task that hands it over to its protocol."""
        self._accepting: asyncio.Task[None] | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Answer until `stop`; then finish what is under way."""
        logging.getLogger(QUIET_LOGGER).setLevel(logging.ERROR)
        self._accepting = asyncio.create_task(self._accept(listener))
        # The server must not go on without being able to accept.
        self._accepting.add_done_callback(lambda _: self.stop())
        with listener:
            await self._server.serve(sockets=[])
            self.stop()
        self._abort()
        with contextlib.suppress(asyncio.CancelledError):
            await self._accepting

    def stop(self) -> None:
        """Have `serve` end: no new requests, and `DRAIN_SECONDS` for answers under way."""
        if not self._server.should_exit:
            self._server.should_exit = True
            asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._abort)
        if self._accepting is not None:
            self._accepting.cancel()

    def _abort(self) -> None:
        for protocol, handing_over in list(self._open.values()):
            handing_over.cancel()
            protocol.abort()

    async def _accept(self, listener: socket.socket) -> None:
        async for connection, peername in accepted(listener):
            self._last += 1
            self._begin(self._last, connection, peer_address(peername))

    def _begin(self, number: Number, connection: socket.socket, peer: tuple[str, int]) -> None:
        """Admit a connection and hand it over, or close it."""
        config = self._config()
        standing = Standing.UNPROVEN if config.context is None else Standing.HANDSHAKE
        try:
            victim = self._admission.admit(number, peer[0], standing)
        except ConnectionRefused as refusal:
            self._refusals.add(HttpReason.TOO_MANY_CONNECTIONS, peer, refusal.detail)
            connection.close()
            return
        if victim is not None:
            protocol, handing_over = self._open.pop(victim.number)
            protocol.refuse(HttpReason.TOO_MANY_CONNECTIONS, victim.detail)
            handing_over.cancel()
        protocol = HttpProtocol(
            self._uvicorn,
            self._server.server_state,
            self._limits,
            self._refusals,
            frozenset() if config.tls is None else config.tls.client_allowed_sans,
            peer,
            partial(self._place, number),
        )
        handing_over = asyncio.create_task(self._hand_over(connection, protocol, config))
        self._open[number] = (protocol, handing_over)

        def handed_over(_: asyncio.Task[None]) -> None:
            # A task that was cancelled before its first step closes nothing itself.
            if not protocol.is_open:
                connection.close()
                self._place(number, None)

        handing_over.add_done_callback(handed_over)

    async def _hand_over(
        self, connection: socket.socket, protocol: HttpProtocol, config: WebConfig
    ) -> None:
        try:
            await hand_over(connection, protocol, config.context, self._limits.request_seconds)
        except OSError as error:
            protocol.refuse(HttpReason.TLS_HANDSHAKE, str(error))
        except Exception as error:  # noqa: BLE001 - whatever one client brings about, the others go on
            protocol.refuse(HttpReason.INTERNAL_ERROR, repr(error))

    def _place(self, number: Number, standing: Standing | None) -> None:
        """Pass on what a connection has come to; None when it has ended."""
        if standing is None:
            self._admission.leave(number)
            self._open.pop(number, None)
        else:
            self._admission.place(number, standing)
