"""Peers that are good, and peers that are not, in plain sockets."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgpack

from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import TEXT, Service
from tests.e2e.harness.wire import frame
from tests.support.until import until

REFUSED = "stats_gateway_connections_refused_total"
MESSAGES_REFUSED = "stats_gateway_messages_refused_total"

Message = Mapping[str, Any]  # Any: what MessagePack can say


class Peer:
    """One connection that writes frames."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def say(self, *messages: Message) -> None:
        """Send each message."""
        self.socket.sendall(b"".join(map(frame, messages)))

    def ask(self, message: Message) -> dict[str, Any]:
        """What the service answers to `message`; empty where it closed without a word."""
        try:
            self.say(message)
            length = self._exactly(4)
            return dict(msgpack.unpackb(self._exactly(struct.unpack(">I", length)[0])))
        except (ConnectionError, ssl.SSLError, EOFError):
            return {}

    def wait_for_end(self) -> None:
        """Return once the service has closed the connection."""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


@contextmanager
def keeps_sending(peer: Peer, message: Callable[[], Message]) -> Iterator[None]:
    """What `message` gives, five times a second, on a thread of its own.

    Leaving it raises what sending raised.
    """
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(0.2):
            peer.say(message())

    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(run)
        try:
            yield
        finally:
            stopping.set()
        sending.result()


@contextmanager
def connected(
    port: int, tls: ssl.SSLContext | None = None, *, address: str = LOOPBACK
) -> Iterator[Peer]:
    """A connection from `address`, over TLS where `tls` is given. Raises OSError."""
    with socket.create_connection(
        (LOOPBACK, port), timeout=30, source_address=(address, 0)
    ) as plain:
        if tls is None:
            yield Peer(plain)
            return
        with tls.wrap_socket(plain, server_hostname="localhost") as wrapped:
            yield Peer(wrapped)


def hello(source: str, token: str | None = None) -> Message:
    """A `Hello`."""
    return {"Hello": {"source": source, "token": token}}


def refused(service: Service, reason: str) -> float:
    """How many connections were refused for `reason`."""
    answer = service.get(f"/metrics?name[]={REFUSED}", TEXT)
    scrape = Scrape.parse(answer.body.decode(), answer.headers["content-type"])
    return scrape.value(REFUSED, reason=reason) or 0.0


def wait_refused(service: Service, reason: str, count: float) -> None:
    """Return once at least `count` connections were refused for `reason`."""
    until(lambda: refused(service, reason) >= count, what=f"{count} refused as {reason}")
