"""One connection to the gateway, from the `Hello` to its end."""

import contextlib
import selectors
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Self

from stats_gateway.sender.errors import GatewayClosedError, GatewayRefusedError
from stats_gateway.sender.wire import AnswerDecoder, Hello, Refusal, Welcome, encode_hello

# Between two chunks of a large frame the time left is looked at again.
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that a gateway may take before the connection is given up."""

    connect: float = 5.0
    """For each of TCP and TLS."""
    welcome: float = 5.0
    """From the `Hello` to its answer."""
    send: float = 20.0
    """To take one whole snapshot; less than the 30 s that the gateway itself allows a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where to send, and how."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    timeouts: Timeouts


class Session:
    """A connection that was welcomed. Used by one thread; only `abort` is for others."""

    def __init__(self, peer: socket.socket, wake: socket.socket, timeouts: Timeouts) -> None:
        self._peer = peer
        self._wake = wake
        self._timeouts = timeouts
        self._answers = AnswerDecoder()
        self._welcomed = False
        self._selector = selectors.DefaultSelector()  # select() fails above 1,024 descriptors
        self._selector.register(peer, selectors.EVENT_READ)
        self._selector.register(wake, selectors.EVENT_READ)

    @classmethod
    def open(cls, gateway: Gateway, hello: Hello, wake: socket.socket) -> Self:
        """Connect, say `hello` and wait for the Welcome. A byte in `wake` ends any `wait`.

        Raises OSError (TimeoutError included), GatewayRefusedError, GatewayClosedError or
        AnswerError.
        """
        session = cls(_connect(gateway), wake, gateway.timeouts)
        try:
            session.send(encode_hello(hello))
            session._await_welcome()
        except BaseException:
            session.close()
            raise
        return session

    def send(self, frame: bytes) -> None:
        """Write a whole frame. Raises OSError, TimeoutError when it takes too long."""
        deadline = time.monotonic() + self._timeouts.send
        unsent = memoryview(frame)
        while unsent:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"the gateway did not read for {self._timeouts.send:g} s")
            self._peer.settimeout(left)
            unsent = unsent[self._peer.send(unsent[:_CHUNK]) :]

    def wait(self, timeout: float | None) -> None:
        """Return when woken, when the gateway has said something, or after `timeout` seconds.

        Raises GatewayClosedError, GatewayRefusedError, AnswerError or OSError. A write to a
        connection that the peer has closed succeeds, so `wait(0)` belongs before each `send`.
        """
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._wake:
                self._wake.recv(_CHUNK)
            else:
                self._receive()

    def abort(self) -> None:
        """End whatever this session is doing, from another thread."""
        with contextlib.suppress(OSError):
            # Not peer.shutdown: of an SSLSocket that would pull the TLS state away from under
            # the thread that is using it.
            socket.socket.shutdown(self._peer, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._selector.close()
        self._peer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_welcome(self) -> None:
        deadline = time.monotonic() + self._timeouts.welcome
        while not self._welcomed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer to the Hello in {self._timeouts.welcome:g} s")
            self.wait(left)

    def _receive(self) -> None:
        self._peer.settimeout(0)
        try:
            data = self._peer.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # readable, but TLS's own messages only
        if not data:
            raise GatewayClosedError
        for answer in self._answers.feed(data):
            match answer:
                case Welcome():
                    self._welcomed = True
                case Refusal(reason=reason):
                    raise GatewayRefusedError(reason)


def _connect(gateway: Gateway) -> socket.socket:
    peer = socket.create_connection((gateway.host, gateway.port), timeout=gateway.timeouts.connect)
    try:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # A host that vanished acknowledges nothing: without this the kernel tries for 15 min.
            milliseconds = int(gateway.timeouts.send * 1000)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        if gateway.tls is None:
            return peer
        return gateway.tls.wrap_socket(peer, server_hostname=gateway.host)
    except BaseException:
        peer.close()
        raise
