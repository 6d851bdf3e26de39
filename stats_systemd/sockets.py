"""This module takes over the listening sockets that systemd opened, as sd_listen_fds(3) describes.

systemd keeps these sockets open while the program is restarted, so that clients wait in the
kernel's queue and nobody is refused.
"""

import socket
from collections.abc import Collection, Mapping

FIRST_FILE = 3
"""The number of the first file that systemd hands over: 0, 1 and 2 are the standard streams."""

MAX_FILES = 16
"""Most files that are looked at: a program here listens on two addresses."""


class SocketError(Exception):
    """What systemd hands over is none of the sockets that the program knows; the text says why."""


def sockets_from_systemd(
    environment: Mapping[str, str], pid: int, known: Collection[str]
) -> dict[str, socket.socket]:
    """The TCP sockets that systemd handed to process `pid`, by their FileDescriptorName.

    `known` are the names that the program listens under. Raises SocketError.
    """
    if environment.get("LISTEN_PID") != str(pid):
        return {}
    count = environment.get("LISTEN_FDS", "")
    if not count.isdecimal() or int(count) > MAX_FILES:
        raise SocketError(f"LISTEN_FDS is {count[:20]!r}, not a number up to {MAX_FILES}")
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    for number, name in zip(range(FIRST_FILE, FIRST_FILE + int(count)), names, strict=False):
        if name not in known or name in found:
            raise SocketError(
                f"systemd hands over a socket named {name[:100]!r}: each socket unit needs a "
                f"FileDescriptorName of its own, which is {' or '.join(sorted(known))}"
            )
        found[name] = _listener(number, name)
    return found


def _listener(number: int, name: str) -> socket.socket:
    try:
        listener = socket.socket(fileno=number)
        is_tcp = listener.family in (socket.AF_INET, socket.AF_INET6)
        is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SocketError(f"file {number}, which should be {name!r}: {error.strerror}") from error
    if not is_tcp or not is_listening:
        raise SocketError(
            f"the socket {name!r} that systemd hands over does not listen for TCP "
            "(ListenStream=HOST:PORT, Accept=no)"
        )
    return listener
