"""Ports for programs that do not say which one they took for port 0."""

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom

NOT_GIVEN_OUT = range(20_000, 32_000)
"""Below what the kernel gives to port 0 and to outgoing connections, of which tests use many."""


def free_ports(count: int) -> list[int]:
    """Different ports of loopback that were free a moment ago."""
    ports: list[int] = []
    with ExitStack() as stack:
        while len(ports) < count:
            port = SystemRandom().choice(NOT_GIVEN_OUT)
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
    return ports
