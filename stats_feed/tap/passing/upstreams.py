"""This module connects to the first upstream, in order of preference, that can be reached."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stats_feed.health import Address
from stats_feed.tap.books.counts import Counts, UpstreamFailure
from stats_feed.tap.passing.link import Side
from stats_feed.tap.passing.sockets import OUT_OF_RESOURCES, SocketAddress, prepare, resolve

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
"""For a connection and its TLS handshake: miners wait ten seconds or more for theirs."""

FIRST_AWAY_SECONDS, MAX_AWAY_SECONDS = 2.0, 60.0
"""How long an upstream that could not be reached comes last: twice as long after each failure."""

RESOLVED_SECONDS = 30.0
"""How long the addresses of a host name are used: a farm that reconnects asks for them once."""


class NoUpstreamError(Exception):
    """None of the upstreams can be reached."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A pool; the addresses of its connections are those that its name has."""

    address: Address
    tls: bool = False

    @property
    def name(self) -> str:
        """Its host and port, as metrics and the log name it."""
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(slots=True)
class _State:
    failures: int = 0
    away_until: float = 0.0
    resolved: Sequence[SocketAddress] = ()
    resolved_until: float = 0.0


class Upstreams:
    """The upstreams of one process. `on_state` is told which one is in use, or that none is."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        counts: Counts,
        *,
        tls: ssl.SSLContext | None = None,
        on_state: Callable[[Upstream, bool], None] = lambda _upstream, _connected: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._states = {upstream: _State() for upstream in upstreams}
        self._counts = counts
        self._tls = tls
        self._on_state = on_state
        self._clock = clock

    async def connect(self, side: Side, header: bytes = b"") -> Upstream:
        """Let `side` speak with an upstream, which is sent `header` first.

        Raises NoUpstreamError.
        """
        for upstream in self.by_preference():
            state = self._states[upstream]
            if state.failures:
                # Others need not wait for this attempt, if there is another upstream.
                state.away_until = self._clock() + CONNECT_SECONDS
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._dial(upstream, side, header)
            except (OSError, UnicodeError) as error:  # TimeoutError and ssl.SSLError are OSErrors
                failure = _failure(error)
                self._failed(upstream, failure, error)
                if failure is UpstreamFailure.OUT_OF_RESOURCES:
                    break
            else:
                self._succeeded(upstream)
                return upstream
        raise NoUpstreamError

    def by_preference(self) -> list[Upstream]:
        """Return the upstreams in order, with those that were away just now behind the others."""
        now = self._clock()
        return sorted(self._states, key=lambda upstream: self._states[upstream].away_until > now)

    async def _dial(self, upstream: Upstream, side: Side, header: bytes) -> None:
        loop = asyncio.get_running_loop()
        connection = await self._connected(upstream)
        try:
            if header:
                await loop.sock_sendall(connection, header)
            if not upstream.tls:
                side.write_directly(connection)
            await loop.create_connection(
                lambda: side,
                sock=connection,
                ssl=self._tls if upstream.tls else None,
                server_hostname=upstream.address[0] if upstream.tls else None,
            )
        except BaseException:
            connection.close()
            raise

    async def _connected(self, upstream: Upstream) -> socket.socket:
        loop, state = asyncio.get_running_loop(), self._states[upstream]
        if self._clock() >= state.resolved_until:
            state.resolved = await resolve(upstream.address)
            state.resolved_until = self._clock() + RESOLVED_SECONDS
        last: OSError = OSError("its name has no address")
        for family, where in state.resolved:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                prepare(connection)
                await loop.sock_connect(connection, where)
            except OSError as error:
                connection.close()
                last = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise last

    def _succeeded(self, upstream: Upstream) -> None:
        state = self._states[upstream]
        if state.failures:
            logger.info("upstream %s is reached again", upstream.name)
        state.failures, state.away_until = 0, 0.0
        self._counts.upstream_connections[upstream.name] += 1
        self._on_state(upstream, True)  # noqa: FBT003 - a callback takes it by position

    def _failed(self, upstream: Upstream, failure: UpstreamFailure, error: Exception) -> None:
        self._counts.upstream_failures[upstream.name, failure] += 1
        if failure is UpstreamFailure.OUT_OF_RESOURCES:
            return  # which says nothing about the upstream
        state = self._states[upstream]
        state.failures += 1
        state.resolved_until = 0.0
        away = FIRST_AWAY_SECONDS * 2.0 ** min(state.failures - 1, 10)
        state.away_until = self._clock() + min(away, MAX_AWAY_SECONDS)
        if state.failures == 1:
            logger.warning(
                "upstream %s cannot be reached: %s; logged once",
                upstream.name,
                str(error) or failure.value,
            )
        if all(one.failures for one in self._states.values()):
            first = next(iter(self._states))
            self._on_state(first, False)  # noqa: FBT003 - a callback takes it by position


def _failure(error: Exception) -> UpstreamFailure:
    match error:
        case ssl.SSLError():
            return UpstreamFailure.TLS
        case TimeoutError():
            return UpstreamFailure.TIMEOUT
        case ConnectionError():
            return UpstreamFailure.REFUSED
        case socket.gaierror() | UnicodeError():
            return UpstreamFailure.NAME
        case OSError(errno=number) if number in OUT_OF_RESOURCES:
            return UpstreamFailure.OUT_OF_RESOURCES
        case _:
            return UpstreamFailure.OTHER
