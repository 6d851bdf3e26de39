"""Accepts the connections of a listening socket, also when the machine runs out of something."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, TypeVar

from stats_gateway.server.throttle import Throttle

log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that the kernel may hold while a whole fleet of senders reconnects."""

ACCEPTED_AT_ONCE = 16
"""Connections taken from the kernel in one iteration of the event loop: about a millisecond."""

RETRY_SECONDS = 0.2
"""The pause before the kernel is asked again when it has no file or memory for a connection."""

LOG_SECONDS = 60.0
"""How often the log says that no connection can be accepted, for each reason."""

SHUTDOWN_SECONDS = 2.0
"""How long a peer may take to say goodbye in TLS."""

_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Peername = tuple[Any, ...]
"""A host and a port, and for IPv6 two more numbers."""

P = TypeVar("P", bound=asyncio.Protocol)


async def accepted(listener: socket.socket) -> AsyncIterator[tuple[socket.socket, Peername]]:
    """Yield every connection to `listener`, for ever. Raises OSError once `listener` is closed."""
    listener.settimeout(0)
    listener.listen(BACKLOG)
    loop = asyncio.get_running_loop()
    complaints = Throttle(LOG_SECONDS)
    for number in count(1):
        if number % ACCEPTED_AT_ONCE == 0:
            # The kernel may hold a whole storm of connections: others have their turn meanwhile.
            await asyncio.sleep(0)
        try:
            connection, peername = await loop.sock_accept(listener)
        except OSError as error:
            if error.errno in (errno.EBADF, errno.EINVAL):
                raise
            # Any other error is about one connection, or passes: accept(2) says to try again.
            if error.errno in _OUT_OF_RESOURCES:
                if complaints.ask(error.errno, loop.time()) is not None:
                    log.error("cannot accept a connection: %s", error)  # noqa: TRY400 - the text says it all
                await asyncio.sleep(RETRY_SECONDS)
            continue
        yield connection, peername


async def hand_over(
    connection: socket.socket, protocol: P, tls: ssl.SSLContext | None, handshake_seconds: float
) -> asyncio.Transport:
    """Let `protocol` speak over `connection` once the TLS handshake is done. Raises OSError."""
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        lambda: protocol,
        connection,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else handshake_seconds,
        ssl_shutdown_timeout=None if tls is None else SHUTDOWN_SECONDS,
    )
    return transport


def peer_address(peername: Peername) -> tuple[str, int]:
    """The address of a peer, as the log and the names of sources have it, and the port."""
    address, port = peername[0], peername[1]
    # An IPv4 peer of an IPv6 listener is the same peer.
    return address.removeprefix("::ffff:"), port
