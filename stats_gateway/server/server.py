"""The listening socket for senders: admission, handshakes and shutdown."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.intake.access import is_allowed
from stats_gateway.server.accept_loop import Peername, accepted, hand_over, peer_address
from stats_gateway.server.buffers import Buffers
from stats_gateway.server.connection import STREAM_BYTES, Connection, Shared
from stats_gateway.server.peer_log import shown
from stats_gateway.store.peer import Peer

log = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
"""How long closing waits for connections to end by themselves."""

EXPIRY_TICK_SECONDS = 0.25
"""How often time is let pass over the store: rows vanish at most this late."""

TlsContext = Callable[[], ssl.SSLContext]
"""Gives what the next handshake is to use."""


@dataclass(slots=True)
class _Admission:
    """A peer that was let in, from accept to close."""

    address: str
    port: int
    task: asyncio.Task[None]
    peer: Peer | None = None
    """None while its TLS handshake is under way."""


class GatewayServer:
    """Accepts senders; an async context manager from `start` to `close`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._intake = shared.intake
        self._buffers = Buffers(shared.limits.max_buffered_bytes)
        self._tls: TlsContext | None = None
        self._listener: socket.socket | None = None
        self._admitted: dict[int, _Admission] = {}
        self._accepted = 0
        self._own: list[asyncio.Task[None]] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        tasks = [*self._own, *self._serving]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._listener.close()
        self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        async for connection, peername in accepted(listener):
            self._accepted += 1
            task = asyncio.create_task(self._serve(self._accepted, connection, peername))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, number: int, accepted: socket.socket, peername: Peername) -> None:
        address, port = peer_address(peername)
        try:
            with accepted:
                self._admit(number, address, port)
                await self._converse(number, address, port, accepted)
        except ConnectionRefused as refusal:
            self._shared.turn_away(address, port, refusal)
        except Exception as error:
            # Whatever one peer brings about, the others go on.
            log.debug("%s", shown(address, port), exc_info=error)
            unforeseen = ConnectionRefused(_reason_of(error), repr(error))
            self._shared.turn_away(address, port, unforeseen)
        finally:
            self._admitted.pop(number, None)
            self._intake.counters.connections = len(self._admitted)
            log.debug("%s disconnected", shown(address, port))

    def _admit(self, number: int, address: str, port: int) -> None:
        networks = self._shared.allow_networks
        if networks and not is_allowed(address, networks):
            detail = "its address is in none of the networks that may send"
            raise ConnectionRefused(ConnectionReason.NETWORK_NOT_ALLOWED, detail)
        if len(self._admitted) >= self._shared.limits.max_connections:
            self._make_room(address)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._admitted[number] = _Admission(address, port, task)
        self._intake.counters.connections = len(self._admitted)
        log.debug("%s connected", shown(address, port))

    def _make_room(self, address: str) -> None:
        """Close one of no use for one from `address`, or raise `ConnectionRefused`.

        It is one that never sent anything good; else one that only gave its name, where its address
        has more connections than `address`. So neither kind can keep a real sender out. It is the
        oldest one from the address with most connections, so that others have their chance.
        """
        held = Counter(one.address for one in self._admitted.values())
        silent = [
            number
            for number, one in self._admitted.items()
            if one.peer is None or not one.peer.has_sent_valid
        ]
        victims = silent or [
            number
            for number, one in self._admitted.items()
            if one.peer is not None
            and not one.peer.is_trusted
            and held[one.address] > held[address]
        ]
        if not victims:
            limit = self._shared.limits.max_connections
            detail = f"{limit} senders are connected, and max_connections allows no more"
            raise ConnectionRefused(ConnectionReason.TOO_MANY_CONNECTIONS, detail)
        victim = max(victims, key=lambda number: (held[self._admitted[number].address], -number))
        detail = "makes room for a new connection, since it never sent a snapshot"
        self._close(victim, ConnectionRefused(ConnectionReason.TOO_MANY_CONNECTIONS, detail))

    async def _converse(
        self, number: int, address: str, port: int, accepted: socket.socket
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
        peer = self._intake.connect(number, address)
        self._admitted[number].peer = peer
        connection = Connection(
            peer, port, self._shared, self._buffers, (reader, writer), self._close_peer
        )
        try:
            await connection.run()
            with contextlib.suppress(OSError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    writer.close()
                    await writer.wait_closed()
        finally:
            transport.abort()

    def _close(self, number: int, refusal: ConnectionRefused | None) -> None:
        admission = self._admitted.pop(number, None)
        if admission is None:
            return
        if refusal is not None:
            self._shared.turn_away(admission.address, admission.port, refusal)
        admission.task.cancel()

    def _close_peer(self, peer: Peer, refusal: ConnectionRefused | None) -> None:
        self._close(peer.number, refusal)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_TICK_SECONDS)
            self._intake.store.expire(self._shared.clock())


def _reason_of(error: Exception) -> ConnectionReason:
    if isinstance(error, MemoryError):
        return ConnectionReason.OUT_OF_RESOURCES
    return ConnectionReason.INTERNAL_ERROR
