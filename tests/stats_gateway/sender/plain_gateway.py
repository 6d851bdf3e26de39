"""A gateway as simple as can be, driven step by step by the test that plays it."""

import socket
import ssl
import struct
from functools import partial
from typing import Self

import msgpack

from tests.support.until import until

TIMEOUT = 30.0


class PlainPeer:
    """The gateway's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(TIMEOUT)

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.connection.recv(size - len(data))
            if not chunk:
                raise EOFError(data)
            data += chunk
        return data

    def read(self) -> dict[str, dict[str, object]]:
        (length,) = struct.unpack(">I", self.read_exactly(4))
        message: dict[str, dict[str, object]] = msgpack.unpackb(self.read_exactly(length))
        return message

    def write(self, message: object) -> None:
        payload = msgpack.packb(message)
        self.connection.sendall(struct.pack(">I", len(payload)) + payload)

    def welcome(self) -> dict[str, object]:
        """Read the Hello, welcome the sender, return what the Hello said."""
        hello = self.read()["Hello"]
        self.write({"Welcome": {"version": "1"}})
        return hello

    def is_closed(self) -> bool:
        """Wait until the sender has closed the connection, reading what it still sent."""
        try:
            while self.connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def reset(self) -> None:
        """Close with a RST, as a killed process with unread data does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


class PlainGateway:
    """A bound port, which refuses connections until `listen`."""

    def __init__(self, *, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(TIMEOUT)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()

    def listen(self) -> Self:
        self._socket.listen()
        return self

    def accept(self, tls: ssl.SSLContext | None = None) -> PlainPeer:
        connection, _ = self._socket.accept()
        connection.settimeout(TIMEOUT)
        return PlainPeer(connection if tls is None else tls.wrap_socket(connection, True))

    def close(self) -> None:
        """Stop, and reset whoever waits for a Welcome, so that a handle may close at once."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


eventually = partial(until, seconds=TIMEOUT)
