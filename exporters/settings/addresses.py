"""Addresses as settings spell them: where to listen, and the URL of a Prometheus."""

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_VISIBLE = re.compile("[!-~]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host means every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `[IPV6]:PORT` or `:PORT`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address needs brackets: [{host}]:{port}")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError(f"must be HOST:PORT with a port from 0 to 65535, not {text!r}")
    return Address(host, int(port))


def bind(address: Address) -> socket.socket:
    """A socket bound to `address`. Raises OSError."""
    if not address.host and socket.has_dualstack_ipv6():
        listener = socket.create_server(
            ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True
        )
    else:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.create_server((address.host, address.port), family=family)
    # Connections inherit it. asyncio does not see that these are TCP, and an answer in two writes
    # would wait 40 ms for the peer's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def bound_address(listener: socket.socket) -> Address:
    """Where `listener` really is, also where port 0 was asked for."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def parse_url(text: str) -> str:
    """The address of a Prometheus, without a slash at its end. Raises ValueError."""
    wanted = "must be http://HOST[:PORT][/PATH] or https://..., without user, query or fragment"
    try:
        url = urlsplit(text)
        bad = url.port == 0
    except ValueError:
        raise ValueError(f"{wanted}, not {text!r}") from None
    if url.username is not None or url.password is not None:
        # It may be a password: it is not repeated.
        raise ValueError(f"{wanted}; credentials belong into history.authorization_file")
    bad = bad or url.scheme not in ("http", "https") or not url.hostname
    if bad or url.query or url.fragment or not _VISIBLE.fullmatch(text):
        raise ValueError(f"{wanted}, not {text!r}")
    return text.rstrip("/")
