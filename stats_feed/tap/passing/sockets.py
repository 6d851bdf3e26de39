"""This module opens the tap's sockets, and sets what all connections need."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from stats_feed.health import Address

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that the kernel may hold while a whole farm reconnects; its own bound is less."""

ACCEPTED_AT_ONCE = 16
"""Connections taken from the kernel before others have their turn."""

RETRY_SECONDS = 1.0
"""The pause before the kernel is asked again when it has no descriptor for a connection."""

USER_TIMEOUT_MILLISECONDS = 120_000
"""A peer that has acknowledged nothing for so long is gone."""

KEEPALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}
"""A silent peer is asked after a minute, and is gone when it has not answered for another one."""

OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

SocketAddress = tuple[int, tuple[Any, ...]]
"""A family, and a host and a port with two more numbers for IPv6."""


def listen(address: Address, *, shared: bool = False) -> socket.socket:
    """Listen on an address, `shared` with other processes of this program. Raises OSError."""
    listener = reserve(address, shared=shared)
    listener.listen(BACKLOG)
    return listener


def reserve(address: Address, *, shared: bool = True) -> socket.socket:
    """Take an address without listening, so that nobody else gets it. Raises OSError."""
    family, kind, number, _, where = socket.getaddrinfo(
        address[0] or None, address[1], type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    taken = socket.socket(family, kind, number)
    try:
        taken.settimeout(0)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(where)
    except OSError as error:
        taken.close()
        raise OSError(error.errno, f"{error.strerror}: {address[0]}:{address[1]}") from error
    return taken


class Accepting:
    """Takes connections from a listening socket on the running loop, until `stop`."""

    def __init__(
        self, listener: socket.socket, take: Callable[[socket.socket, Address], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._take = take
        self._retry: asyncio.TimerHandle | None = None
        self._listen()

    def stop(self) -> None:
        """Take no more connections, and close the listening socket."""
        if self._retry is not None:
            self._retry.cancel()
        elif self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
        self._listener.close()

    def _listen(self) -> None:
        self._retry = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except OSError as error:
                # Any other error is about one connection, or passes: accept(2) says to try again.
                if error.errno in OUT_OF_RESOURCES:
                    self._pause(error)
                return
            # An IPv4 peer of an IPv6 listener is the same peer.
            self._take(connection, (str(peer[0]).removeprefix("::ffff:"), int(peer[1])))

    def _pause(self, error: OSError) -> None:
        logger.error("cannot accept connections for now: %s", error)
        self._loop.remove_reader(self._listener)
        self._retry = self._loop.call_later(RETRY_SECONDS, self._listen)


def prepare(connection: socket.socket) -> None:
    """Make a connection send at once, and notice when its peer is gone."""
    connection.settimeout(0)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS)


async def resolve(address: Address) -> list[SocketAddress]:
    """Return the socket addresses of HOST:PORT, the preferred one first. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(*address, type=socket.SOCK_STREAM)
    return [(family, where) for family, _, _, _, where in found]
