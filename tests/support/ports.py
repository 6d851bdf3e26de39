"""Ports for programs that do not say which one they took for port 0."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Different ports of loopback that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in sockets]
