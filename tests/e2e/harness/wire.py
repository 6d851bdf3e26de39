"""Senders in plain sockets: frames and lines as anyone's program would write them."""

import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgpack

from tests.e2e.harness.program import LOOPBACK

Message = Mapping[str, Any]  # Any: what JSON can say

ANSWER_SECONDS = 30.0


def frame(message: Message) -> bytes:
    """Length-prefixed MessagePack."""
    payload = msgpack.packb(message)
    return struct.pack(">I", len(payload)) + bytes(payload)


def line(message: Message) -> bytes:
    """A line of JSON."""
    return json.dumps(message).encode() + b"\n"


class Sender:
    """One connection of a sender."""

    def __init__(self, peer: socket.socket, encode: Callable[[Message], bytes]) -> None:
        self.peer = peer
        self._encode = encode

    def say(self, *messages: Message) -> None:
        """Send each message."""
        self.peer.sendall(b"".join(map(self._encode, messages)))

    def hello(self, source: str, interval: float | None = None, token: str | None = None) -> None:
        """Say `Hello` and read the answer, which must be a Welcome."""
        self.say({"Hello": {"source": source, "interval": interval, "token": token}})
        (name,) = self._answer()
        assert name == "Welcome"

    def reset(self) -> None:
        """Close it as a crashed host does: at once, with a reset."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def wait_for_end(self) -> None:
        """Return once the service has closed or reset the connection."""
        self.peer.settimeout(ANSWER_SECONDS)
        try:
            while self.peer.recv(65536):
                pass
        except ConnectionError:
            pass

    def _answer(self) -> Message:
        self.peer.settimeout(ANSWER_SECONDS)
        if self._encode is line:
            with self.peer.makefile("rb") as file:
                return dict(json.loads(file.readline()))
        (length,) = struct.unpack(">I", self._exactly(4))
        return dict(msgpack.unpackb(self._exactly(length)))

    def _exactly(self, count: int) -> bytes:
        data = self.peer.recv(count, socket.MSG_WAITALL)
        assert len(data) == count, "the service closed the connection"
        return data


@contextmanager
def connected(
    port: int, encode: Callable[[Message], bytes] = frame, *, address: str = LOOPBACK
) -> Iterator[Sender]:
    """Connect from `address`, one of the machine's own: to a service, each is another peer."""
    with socket.create_connection(
        (LOOPBACK, port), timeout=ANSWER_SECONDS, source_address=(address, 0)
    ) as peer:
        yield Sender(peer, encode)
