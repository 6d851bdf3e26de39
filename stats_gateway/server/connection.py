"""One sender's connection is a thin asyncio shell around a `Session` and the `Intake`.

A connection is one task that reads, takes in, and reads on. Small messages are taken in on the
event loop, when the connection has its turn. Large ones are decoded on a worker thread, so that the
loop does not wait for them, and one after the other, so that only one costs more than its bytes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from stats_gateway.clock import Now, read_clock
from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.intake.intake import HELLO_BYTES, Accepted, Intake
from stats_gateway.limits import Limits
from stats_gateway.server.buffers import Buffers
from stats_gateway.server.peer_log import PeerLog, shown
from stats_gateway.server.turns import Turns
from stats_gateway.store.origin import CertificateName, Network
from stats_gateway.store.parts import SILENT_INTERVALS
from stats_gateway.store.peer import Peer
from stats_gateway.wire.framing import Item
from stats_gateway.wire.messages import Error, Welcome
from stats_gateway.wire.session import Session

log = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
"""As much as asyncio takes from a socket at once."""

STREAM_BYTES = 64 * 1024
"""asyncio stops reading from a socket while it holds twice this that nobody has asked for."""

INLINE_BYTES = 32 * 1024
"""Messages up to this size (100 to 250 rows) take less time than handing them to a thread."""

ANSWER_SECONDS = 10.0
"""A peer that has not read its answer by then is not going to."""

GOODBYE_SECONDS = 1.0
"""How long what still comes in is thrown away, since closing over it could destroy an answer."""

Close = Callable[[Peer, ConnectionRefused | None], None]
"""Closes the connection of a peer, for a refusal or because another peer takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Everything that all connections of one listener share."""

    intake: Intake
    worker: Executor
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], Now] = read_clock
    peer_log: PeerLog = field(default_factory=PeerLog)
    allow_networks: tuple[Network, ...] = ()
    """The networks that senders may connect from; all of them where there is none."""
    client_source: CertificateName = CertificateName.NONE
    """The name in a sender's certificate that its source must have."""
    turns: Turns = field(default_factory=Turns)
    one_message: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a message is decoded and stored off the event loop."""

    def complain(
        self, address: str, port: int, refusal: MessageRefused | ConnectionRefused
    ) -> None:
        """Log what a peer did wrong, unless the log has said so a moment ago."""
        now = self.clock().monotonic
        self.peer_log.add(address, port, refusal.reason, refusal.detail, now)

    def mention(self, address: str, port: int, what: str) -> None:
        """Log what a peer did that may well be right, unless the log has said so a moment ago."""
        now = self.clock().monotonic
        self.peer_log.add(address, port, "takeover", what, now, level=logging.INFO)

    def turn_away(self, address: str, port: int, refusal: ConnectionRefused) -> None:
        """Count and log a connection that is closed for what its peer did."""
        self.intake.counters.connections_refused[refusal.reason] += 1
        self.complain(address, port, refusal)


class Connection:
    """The connection of one peer, from the end of the handshake to the close."""

    def __init__(
        self,
        peer: Peer,
        port: int,
        shared: Shared,
        buffers: Buffers,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        close: Close,
        place: Callable[[Peer], None],
    ) -> None:
        """`close` closes the connection of a peer whose name or memory this one takes over.

        `place` is told when a message was accepted, which may change the standing of its peer.
        """
        self._peer = peer
        self._port = port
        self._shared = shared
        self._intake = shared.intake
        self._buffers = buffers
        self._reader, self._writer = streams
        self._close = close
        self._place = place
        self._session = Session(shared.limits, shared.clock().monotonic)

    def __repr__(self) -> str:
        peer = shown(self._peer.address, self._port)
        return f"<Connection {self._peer.number} from {peer}, {self._session!r}>"

    async def run(self) -> None:
        """Take in all that the peer sends, until either side has enough."""
        try:
            await self._receive()
        except ConnectionRefused as refusal:
            self._shared.turn_away(self._peer.address, self._port, refusal)
            if refusal.reason is ConnectionReason.FRAME_TOO_LARGE:
                self._intake.refuse(MessageRefused(Reason.FRAME_TOO_LARGE, refusal.detail))
            has_said_hello = self._peer.hello is not None
            if has_said_hello or refusal.reason is ConnectionReason.BAD_HELLO:
                await self._say_goodbye(refusal)
        except OSError as error:
            log.debug("%s: %s", shown(self._peer.address, self._port), error)
        finally:
            self._buffers.release(self._peer)
            self._shared.turns.forget(self._peer)
            self._intake.disconnect(self._peer, self._shared.clock())

    async def _receive(self) -> None:
        while data := await self._read():
            began = self._now()
            async with self._shared.turns.turn(self._peer):
                self._session.waited(self._now() - began)
                for item in self._session.feed(data, began):
                    await self._take(item)
                    # A message lives as long as a name for it, and the next may be long in coming.
                    del item
                    await self._shared.turns.renew(self._peer)
                self._intake.received(self._peer, len(data))
                self._hold(self._session.buffered)

    async def _read(self) -> bytes:
        deadline, reason = self._session.deadline()
        patience = deadline - self._now()
        most = READ_BYTES if self._intake.may_send(self._peer) else HELLO_BYTES
        # A peer that always has something to read would never make a time-out of 0 s fire.
        if patience > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    return await self._reader.read(most)
        raise ConnectionRefused(reason, f"{self._session.buffered} bytes of an unfinished message")

    async def _take(self, item: Item) -> None:
        received = self._shared.clock()
        try:
            if isinstance(item, MessageRefused):
                raise item
            self._hold(len(item) + self._session.buffered)
            accepted = await self._accept(item, received)
        except MessageRefused as refusal:
            self._intake.refuse(refusal)
            self._shared.complain(self._peer.address, self._port, refusal)
            self._session.refused(refusal)
        else:
            self._session.accepted()
            self._place(self._peer)
            await self._finish(accepted)

    async def _accept(self, payload: bytearray, received: Now) -> Accepted:
        """Take the message in, at once where it is small and no other is under way."""
        encoding = self._session.encoding
        read = partial(self._intake.read, payload, encoding, self._peer, received)
        if len(payload) <= INLINE_BYTES and not self._shared.one_message.locked():
            return self._intake.accept(read(), self._peer, received)

        async def accept_off_loop() -> Accepted:
            async with self._shared.one_message:
                loop = asyncio.get_running_loop()
                reading = await loop.run_in_executor(self._shared.worker, read)
                return self._intake.accept(reading, self._peer, received)

        began = self._now()
        try:
            return await self._shared.turns.without(self._peer, accept_off_loop())
        finally:
            self._session.waited(self._now() - began)

    async def _finish(self, accepted: Accepted) -> None:
        """Do for the connection what an accepted message asks for."""
        if accepted.answer is None:
            return
        self._session.allow_silence(SILENT_INTERVALS * (self._peer.interval or 0.0))
        if accepted.superseded is not None:
            name = f"takes over source {self._peer.source!r}"
            self._shared.mention(self._peer.address, self._port, name)
            self._close(accepted.superseded, None)
        await self._shared.turns.without(self._peer, self._answer(accepted.answer))

    def _hold(self, size: int) -> None:
        for victim in self._buffers.hold(self._peer, size):
            limit = self._shared.limits.max_buffered_bytes
            detail = f"it held the most when messages under way passed {limit} bytes in all"
            refusal = ConnectionRefused(ConnectionReason.BUFFERS_FULL, detail)
            if victim is self._peer:
                raise refusal
            self._close(victim, refusal)

    def _now(self) -> float:
        return self._shared.clock().monotonic

    async def _answer(self, answer: Welcome | Error) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._writer.write(self._session.encode(answer))
                await self._writer.drain()
        except TimeoutError as error:
            detail = f"did not read its answer for {ANSWER_SECONDS:g} s"
            raise ConnectionRefused(ConnectionReason.NOT_READING, detail) from error

    async def _say_goodbye(self, refusal: ConnectionRefused) -> None:
        with contextlib.suppress(ConnectionRefused, OSError, TimeoutError):
            await self._answer(Error(reason=refusal.detail))
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(GOODBYE_SECONDS):
                while await self._reader.read(READ_BYTES):
                    pass
