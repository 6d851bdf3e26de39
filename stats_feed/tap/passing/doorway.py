"""This module takes in one miner: who it is, whether it may come in, and its way to a pool."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stats_feed.health import Address
from stats_feed.tap.access.admission import Admission, Network, is_in
from stats_feed.tap.access.proxy_protocol import ProxyHeaderError, Version, header, read_header
from stats_feed.tap.books.counts import Counts, Refusal
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.passing.link import Link
from stats_feed.tap.passing.reading import LateReading
from stats_feed.tap.passing.sockets import prepare
from stats_feed.tap.passing.upstreams import NoUpstreamError, Upstreams

PROXY_HEADER_SECONDS = 5.0
"""For the PROXY header, which a load balancer writes at once."""

HANDSHAKE_SECONDS = 15.0
"""For a TLS handshake: small devices take a second or two for theirs."""


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """What all miners of a process come in by; `links` are those that are in."""

    admission: Admission
    upstreams: Upstreams
    book: Book
    reading: LateReading
    counts: Counts
    links: set[Link]
    proxies: Sequence[Network] = ()
    """From here a connection begins with a PROXY header."""
    proxy_out: Version | None = None

    async def take_in(
        self,
        connection: socket.socket,
        peer: Address,
        tls: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        """Join a miner and a pool, or close the connection and count why. Returns when joined."""
        if (refusal := self.admission.enter()) is not None:
            self.counts.refused[refusal] += 1
            connection.close()
            return
        self.counts.accepted += 1
        self.counts.connections += 1
        visit = _Visit(self, asyncio.current_task())
        try:
            await self._join(visit, connection, peer, tls)
        except _RefusedError as error:
            self.counts.refused[error.refusal] += 1
        except OSError:  # reset already, when it was prepared
            pass
        finally:
            if not visit.is_joined:
                visit.end()
                if visit.link is None or visit.link.miner.transport is None:
                    connection.close()  # which belongs to no transport

    async def _join(
        self,
        visit: "_Visit",
        connection: socket.socket,
        peer: Address,
        tls: Callable[[], ssl.SSLContext] | None,
    ) -> None:
        prepare(connection)
        source = await self._source(connection, peer)
        if (refusal := self.admission.claim(source[0])) is not None:
            raise _RefusedError(refusal)
        visit.claimed = source[0]
        session = self.book.open(f"{source[0]}:{source[1]}", time.time())
        link = visit.link = Link(session, self.reading, self.counts, visit.end)
        own: Address = connection.getsockname()[:2]
        if tls is None:
            link.miner.write_directly(connection)
        with _refused_as(Refusal.TLS_HANDSHAKE):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: link.miner,
                connection,
                ssl=None if tls is None else tls(),
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
            )
        begin = b"" if self.proxy_out is None else header(self.proxy_out, source, own)
        try:
            await self.upstreams.connect(link.pool, begin)
        except NoUpstreamError:
            raise _RefusedError(Refusal.NO_UPSTREAM) from None
        visit.joined()

    async def _source(self, connection: socket.socket, peer: Address) -> Address:
        """Return who the miner is: the peer, or whom a proxy names."""
        if not self.proxies or not is_in(peer[0], self.proxies):
            return peer
        reading = read_header()
        wanted = next(reading)
        with _refused_as(Refusal.PROXY_HEADER):
            async with asyncio.timeout(PROXY_HEADER_SECONDS):
                try:
                    while True:
                        wanted = reading.send(await _exactly(connection, wanted))
                except StopIteration as done:
                    found: Address | None = done.value
        return found or peer


@contextlib.contextmanager
def _refused_as(refusal: Refusal) -> Iterator[None]:
    try:
        yield
    except (OSError, ProxyHeaderError, EOFError) as error:  # TimeoutError and SSLError: OSErrors
        raise _RefusedError(refusal) from error


async def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class _Visit:
    """One connection from its accept to its end, and what has to be given back then."""

    def __init__(self, doorway: Doorway, task: asyncio.Task[None] | None) -> None:
        self._doorway = doorway
        self._joining = task
        self._is_over = False
        self.is_joined = False
        self.claimed: str | None = None
        self.link: Link | None = None

    def joined(self) -> None:
        """Note that both sides are there, unless the miner has left meanwhile."""
        self.is_joined = True
        self._joining = None
        if self.link is not None and not self._is_over:
            self._doorway.links.add(self.link)

    def end(self, link: Link | None = None) -> None:
        """Give back what the connection has taken; may be called twice."""
        if self._is_over:
            return
        self._is_over = True
        if link is not None and self._joining is not None:
            self._joining.cancel()  # the miner has left before there was a pool
        if self.link is not None:
            self.link.abort()
            self._doorway.links.discard(self.link)
        self._doorway.admission.leave(self.claimed)
        self._doorway.counts.connections -= 1
