"""Addresses as settings spell them: where to listen, and the URL of a Prometheus."""

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from exporters.errors import shown

_VISIBLE = re.compile("[!-~]+")
_PORT = re.compile("[0-9]{1,5}")
_URL = "must be http://HOST[:PORT][/PATH] or https://..., without user, query or fragment"


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on. An empty host means every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """The address `HOST:PORT`, `[IPV6]:PORT` or `:PORT`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(
            f"must be HOST:PORT, with brackets for IPv6, as [::1]:8084, not {shown(text)}"
        )
    if ":" not in text or not _PORT.fullmatch(port) or int(port) > 65535 or not _is_host(host):
        raise ValueError(f"must be HOST:PORT with a port from 0 to 65535, not {shown(text)}")
    return Address(host, int(port))


def _is_host(host: str) -> bool:
    """Whether the resolver takes `host`: its labels have 1 to 63 characters, and no spaces."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return host.isprintable() and " " not in host


def bind(address: Address) -> socket.socket:
    """A socket bound to `address`. Raises OSError."""
    if not address.host and socket.has_dualstack_ipv6():
        listener = socket.create_server(
            ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True
        )
    else:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.create_server((address.host, address.port), family=family)
    return prepare(listener)


def prepare(listener: socket.socket) -> socket.socket:
    """`listener`, set up as connections need it."""
    # Accepted connections inherit the option. asyncio does not see that these are TCP, and an
    # answer in two writes would wait 40 ms for the peer's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def bound_address(listener: socket.socket) -> Address:
    """The address on which `listener` really is, also where port 0 was asked for."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def parse_url(text: str) -> str:
    """The URL of a Prometheus, without a slash at its end. Raises ValueError."""
    try:
        url = urlsplit(text)
        is_bad = url.port == 0
    except ValueError:
        raise ValueError(f"{_URL}, not {shown(text)}") from None
    if url.username is not None or url.password is not None:
        raise ValueError(f"{_URL}; credentials belong into history.authorization_file")
    is_bad = is_bad or url.scheme not in ("http", "https") or not url.hostname
    if is_bad or url.query or url.fragment or not _VISIBLE.fullmatch(text):
        raise ValueError(f"{_URL}, not {shown(text)}")
    return text.rstrip("/")
