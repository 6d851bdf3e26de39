"""The listening socket for senders: admission, handshakes and shutdown."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.server.accept_loop import accepted, hand_over, peer_address
from stats_gateway.server.admission import Admission, Standing, client_network
from stats_gateway.server.buffers import Buffers
from stats_gateway.server.connection import STREAM_BYTES, Connection, Shared
from stats_gateway.server.peer_log import shown
from stats_gateway.store.origin import certificate_names, is_allowed
from stats_gateway.store.peer import Peer

log = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
"""How long closing waits for connections to end by themselves."""

EXPIRY_TICK_SECONDS = 0.25
"""How often time is let pass over the store: rows vanish at most this late."""

TlsContext = Callable[[], ssl.SSLContext]
"""Gives the context that the next handshake uses."""


@dataclass(frozen=True, slots=True)
class _Serving:
    """An admitted connection, and the task that serves it."""

    address: str
    port: int
    task: asyncio.Task[None]


class GatewayServer:
    """Accepts senders; an async context manager from `start` to `close`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._intake = shared.intake
        self._buffers = Buffers(shared.limits.max_buffered_bytes)
        self._admission = Admission(shared.limits.max_connections)
        self._tls: TlsContext | None = None
        self._listener: socket.socket | None = None
        self._accepted = 0
        self._own: list[asyncio.Task[None]] = []
        self._serving: dict[int, _Serving] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self, listener: socket.socket, tls: TlsContext | None = None) -> None:
        """Accept senders on `listener`, a bound socket that is ours from now on."""
        self._listener = listener
        self._tls = tls
        self._own = [
            asyncio.create_task(self._accept(listener)),
            asyncio.create_task(self._expire()),
        ]

    async def wait(self) -> None:
        """Return, or raise, only when senders can no longer be served."""
        done, _ = await asyncio.wait(self._own, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        """Stop listening and close every connection; may be called twice."""
        if self._listener is None:
            return
        tasks = [*self._own, *(one.task for one in self._serving.values())]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._listener.close()
        self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        async for connection, peername in accepted(listener):
            self._accepted += 1
            self._begin(self._accepted, connection, *peer_address(peername))

    def _begin(self, number: int, connection: socket.socket, address: str, port: int) -> None:
        """Admit a connection and serve it, or close it."""
        try:
            self._admit(number, address)
        except ConnectionRefused as refusal:
            connection.close()
            self._shared.turn_away(address, port, refusal)
            return
        log.debug("%s connected", shown(address, port))
        task = asyncio.create_task(self._serve(number, connection, address, port))
        self._serving[number] = _Serving(address, port, task)

        def ended(_: asyncio.Task[None]) -> None:
            # Here, since a task that is cancelled before its first step does nothing at all.
            connection.close()
            self._serving.pop(number, None)
            self._admission.leave(number)
            self._intake.counters.connections = len(self._admission)
            log.debug("%s disconnected", shown(address, port))

        task.add_done_callback(ended)

    def _admit(self, number: int, address: str) -> None:
        networks = self._shared.allow_networks
        if networks and not is_allowed(address, networks):
            detail = "its address is in none of the networks that may send"
            raise ConnectionRefused(ConnectionReason.NETWORK_NOT_ALLOWED, detail)
        standing = Standing.UNPROVEN if self._tls is None else Standing.HANDSHAKE
        victim = self._admission.admit(number, address, standing)
        if victim is not None:
            reason = ConnectionReason.TOO_MANY_CONNECTIONS
            self._close(victim.number, ConnectionRefused(reason, victim.detail))
        self._intake.counters.connections = len(self._admission)

    async def _serve(self, number: int, accepted: socket.socket, address: str, port: int) -> None:
        try:
            await self._converse(number, accepted, address, port)
        except ConnectionRefused as refusal:
            self._shared.turn_away(address, port, refusal)
        except Exception as error:
            # Whatever one peer brings about, the others go on.
            log.debug("%s", shown(address, port), exc_info=error)
            unforeseen = ConnectionRefused(_reason_of(error), repr(error))
            self._shared.turn_away(address, port, unforeseen)

    async def _converse(
        self, number: int, accepted: socket.socket, address: str, port: int
    ) -> None:
        reader = asyncio.StreamReader(limit=STREAM_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        tls = None if self._tls is None else self._tls()
        try:
            transport = await hand_over(
                accepted, protocol, tls, self._shared.limits.handshake_seconds
            )
        except OSError as error:
            raise ConnectionRefused(ConnectionReason.TLS_HANDSHAKE, str(error)) from error
        writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        try:
            names = certificate_names(
                transport.get_extra_info("peercert"), self._shared.client_source
            )
            peer = self._intake.connect(number, address, client_network(address), names)
            self._place(peer)
            await Connection(
                peer,
                port,
                self._shared,
                self._buffers,
                (reader, writer),
                close=lambda peer, refusal: self._close(peer.number, refusal),
                place=self._place,
            ).run()
            with contextlib.suppress(OSError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    writer.close()
                    await writer.wait_closed()
        finally:
            transport.abort()

    def _place(self, peer: Peer) -> None:
        """Pass on what a peer has shown of its use."""
        self._admission.place(peer.number, _standing(peer))

    def _close(self, number: int, refusal: ConnectionRefused | None) -> None:
        self._admission.leave(number)
        serving = self._serving.pop(number, None)
        if serving is None:
            return
        if refusal is not None:
            self._shared.turn_away(serving.address, serving.port, refusal)
        serving.task.cancel()

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_TICK_SECONDS)
            self._intake.store.expire(self._shared.clock())


def _standing(peer: Peer) -> Standing:
    if peer.is_trusted:
        return Standing.TRUSTED
    if peer.is_shown:
        return Standing.BUSY
    return Standing.NAMED if peer.has_sent_valid else Standing.UNPROVEN


def _reason_of(error: Exception) -> ConnectionReason:
    if isinstance(error, MemoryError):
        return ConnectionReason.OUT_OF_RESOURCES
    return ConnectionReason.INTERNAL_ERROR
