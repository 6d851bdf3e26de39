"""One sender's connection: a thin asyncio shell around `Session` and `Store`.

A connection is one task that reads, decodes, stores, and reads on. The messages of all connections
take turns, so that only one at a time costs more memory than its bytes; large ones are decoded on a
worker thread, so that the event loop does not wait for them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from stats_gateway import __version__
from stats_gateway.clock import Now, read_clock
from stats_gateway.errors import (
    ConnectionReason,
    ConnectionRefused,
    Dropped,
    MessageRefused,
    Reason,
)
from stats_gateway.intake.access import Access, Network, OpenAccess, check_hello
from stats_gateway.intake.counters import Counters
from stats_gateway.limits import Limits
from stats_gateway.server.buffers import Buffers
from stats_gateway.server.peer_log import PeerLog, shown
from stats_gateway.store.contents import Update, content_of, part_kind
from stats_gateway.store.privacy import without_addresses
from stats_gateway.store.sources import SILENT_INTERVALS
from stats_gateway.store.store import Store
from stats_gateway.wire.decoding import Message, MessageDecoder, RetiredEvent, message_type
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.framing import Item
from stats_gateway.wire.messages import Error, Hello, Welcome
from stats_gateway.wire.session import Session

log = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
"""As much as asyncio takes from a socket at once."""

HELLO_BYTES = 16 * 1024
"""As much as a peer without a token may send where one is required: a `Hello` is a few hundred."""

STREAM_BYTES = 64 * 1024
"""asyncio stops reading from a socket while it holds twice this that nobody has asked for."""

INLINE_BYTES = 32 * 1024
"""Messages up to this size (about 200 rows) take less time than handing them to a thread."""

ANSWER_SECONDS = 10.0
"""A peer that has not read its answer by then is not going to."""

GOODBYE_SECONDS = 1.0
"""How long what still comes in is thrown away, since closing over it could destroy an answer."""

SLICE_SECONDS = 0.005
"""How long one connection's small messages may keep the event loop from everything else."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What all connections share."""

    store: Store
    worker: Executor
    limits: Limits = field(default_factory=Limits)
    counters: Counters = field(default_factory=Counters)
    access: Access = field(default_factory=OpenAccess)
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Source names for the addresses of senders that do not say `Hello`."""
    clock: Callable[[], Now] = read_clock
    decoders: Mapping[Encoding, MessageDecoder] = field(init=False)
    peer_log: PeerLog = field(default_factory=PeerLog)
    allow_networks: tuple[Network, ...] = ()
    """Where senders may come from; from anywhere when empty."""
    redact_ip: bool = False
    """Whether downstreams' addresses are forgotten as they come in."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a message is decoded and stored."""

    def __post_init__(self) -> None:
        rows = self.limits.max_rows
        decoders = {encoding: MessageDecoder(encoding, rows) for encoding in Encoding}
        object.__setattr__(self, "decoders", decoders)

    def complain(
        self, address: str, port: int, refusal: MessageRefused | ConnectionRefused
    ) -> None:
        """Log what a peer did wrong, unless that was said a moment ago."""
        now = self.clock().monotonic
        self.peer_log.add(address, port, refusal.reason, refusal.detail, now)

    def mention(self, address: str, port: int, what: str) -> None:
        """Log what a peer did that may well be right, unless that was said a moment ago."""
        now = self.clock().monotonic
        self.peer_log.add(address, port, "takeover", what, now, level=logging.INFO)

    def turn_away(self, address: str, port: int, refusal: ConnectionRefused) -> None:
        """Count and log a connection that is closed for what it did."""
        self.counters.connections_refused[refusal.reason] += 1
        self.complain(address, port, refusal)


Close = Callable[[int, ConnectionRefused | None], None]
"""Closes the connection of that number, for a refusal or because another takes its place."""


class Connection:
    """One sender's connection, from accept to close."""

    def __init__(
        self,
        number: int,
        peer: tuple[str, int],
        gateway: Gateway,
        buffers: Buffers,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """`peer`: its address and port as accept(2) told; the socket may have forgotten them."""
        self.number = number
        self.address, self.port = peer
        self._gateway = gateway
        self._buffers = buffers
        self._reader = reader
        self._writer = writer
        self._hello: Hello | None = None
        self.is_known = False
        """Whether it has shown a token, or sent something that is shown."""
        self.session = Session(gateway.limits, gateway.clock().monotonic)

    def __repr__(self) -> str:
        peer = shown(self.address, self.port)
        return f"<Connection {self.number} from {peer}, {self.session!r}>"

    @property
    def _decoder(self) -> MessageDecoder:
        return self._gateway.decoders[self.session.encoding]

    async def run(self, close: Close) -> None:
        """Take in all that the peer sends, until either side has enough.

        `close` closes the connection whose source this one takes over, or whose share of the memory
        for messages is too large.
        """
        store = self._gateway.store
        store.connect(self.number, self.address)
        try:
            await self._receive(close)
        except ConnectionRefused as refusal:
            self._gateway.turn_away(self.address, self.port, refusal)
            if refusal.reason is ConnectionReason.FRAME_TOO_LARGE:
                self._gateway.counters.messages_refused[Reason.FRAME_TOO_LARGE] += 1
            if self._hello is not None:
                await self._say_goodbye(refusal)
        except OSError as error:
            log.debug("%s: %s", shown(self.address, self.port), error)
        finally:
            self._buffers.release(self.number)
            store.disconnect(self.number, self._gateway.clock())

    async def _receive(self, close: Close) -> None:
        clock = self._gateway.clock
        while data := await self._read():
            self._gateway.counters.received_bytes += len(data)
            began = slice_began = clock().monotonic
            for item in self.session.feed(data, began):
                await self._take(item, close)
                if clock().monotonic - slice_began >= SLICE_SECONDS:
                    await asyncio.sleep(0)
                    slice_began = clock().monotonic
            self._check_size(self.session.buffered)
            self._hold(self.session.buffered, close)
            self.session.waited(clock().monotonic - began)

    def _check_size(self, size: int) -> None:
        if size > HELLO_BYTES and self._gateway.access.needs_hello and self._hello is None:
            raise _token_required()

    def _hold(self, size: int, close: Close) -> None:
        for victim in self._buffers.hold(self.number, self.address, size):
            limit = self._gateway.limits.max_buffered_bytes
            detail = f"it held the most when messages under way passed {limit} bytes in all"
            refusal = ConnectionRefused(ConnectionReason.BUFFERS_FULL, detail)
            if victim == self.number:
                raise refusal
            close(victim, refusal)

    async def _read(self) -> bytes:
        deadline, reason = self.session.deadline()
        try:
            async with asyncio.timeout(deadline - self._gateway.clock().monotonic):
                return await self._reader.read(READ_BYTES)
        except TimeoutError as error:
            detail = f"{self.session.buffered} bytes of an unfinished message"
            raise ConnectionRefused(reason, detail) from error

    async def _take(self, item: Item, close: Close) -> None:
        received = self._gateway.clock()
        try:
            if isinstance(item, MessageRefused):
                raise item
            self._check_size(len(item))
            self._hold(len(item) + self.session.buffered, close)
            async with self._gateway.turn:
                decoder = self._decoder
                message = await self._off_loop(len(item), lambda: decoder.decode(item))
                await self._believe(message, len(item), received, close)
        except MessageRefused as refusal:
            self._gateway.counters.messages_refused[refusal.reason] += 1
            self._gateway.complain(self.address, self.port, refusal)
            self.session.refused(refusal)
        else:
            self._gateway.counters.messages[message_type(message)] += 1
            self.session.accepted()
            if isinstance(message, Hello):
                await self._answer(Welcome(version=__version__))

    async def _believe(self, message: Message, size: int, received: Now, close: Close) -> None:
        access = self._gateway.access
        if isinstance(message, Hello):
            self._greet(message, close)
            return
        if self._hello is not None:
            # Again, since what is good may have changed since it said Hello.
            access.check(self._hello)
        elif access.needs_hello:
            raise _token_required()
        if not isinstance(message, RetiredEvent):
            await self._update(message, size, received)

    def _greet(self, hello: Hello, close: Close) -> None:
        if self._hello is not None or self.session.is_proven:
            raise MessageRefused(Reason.BAD_HELLO, "Hello must be the first message")
        self._hello = hello
        check_hello(hello, self._gateway.aliases)
        self._gateway.access.check(hello)
        self.is_known = self._gateway.access.needs_hello
        rival = self._gateway.store.hello(self.number, hello.source, hello.interval)
        if rival is not None:
            self._gateway.mention(self.address, self.port, f"takes over source {hello.source!r}")
            close(rival, None)
        self.session.allow_silence(SILENT_INTERVALS * (hello.interval or 0.0))

    async def _update(self, update: Update, size: int, received: Now) -> None:
        gateway = self._gateway
        kind = part_kind(update, gateway.store.service)
        dropped = Dropped()
        previous = gateway.store.previous(self.number, kind)
        content = await self._off_loop(
            size, lambda: content_of(update, self._decoder, previous, received, dropped)
        )
        if gateway.redact_ip:
            content = without_addresses(content)
        gateway.store.apply(self.number, kind, content, update.timestamp, received)
        self.is_known = True
        gateway.counters.values_dropped.update(dropped)
        gateway.counters.waiting.append(received.monotonic)

    async def _off_loop(self, size: int, work: Callable[[], T]) -> T:
        if size <= INLINE_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._gateway.worker, work)

    async def _answer(self, answer: Welcome | Error) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._writer.write(self.session.encode(answer))
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


def _token_required() -> ConnectionRefused:
    detail = "a token is required: say Hello with one first"
    return ConnectionRefused(ConnectionReason.BAD_TOKEN, detail)
