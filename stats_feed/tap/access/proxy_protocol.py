"""This module reads and writes headers of the PROXY protocol, which say who a miner really is.

Version 1 is a line, `PROXY TCP4 203.0.113.7 10.0.0.5 51234 3333`; version 2 is binary. Both as in
https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt.
"""

import struct
from collections.abc import Generator
from enum import Enum
from ipaddress import IPv6Address, ip_address

from stats_feed.health import Address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_LINE_BYTES = 107
"""The longest line that version 1 has."""

MAX_BODY_BYTES = 4096
"""Of version 2: addresses are 36 bytes, and what may follow them is a few hundred."""

_HEAD = struct.Struct(">BBH")
_TCP4, _TCP6 = 0x11, 0x21
_LOCAL, _PROXY = 0x20, 0x21
_BODIES = {_TCP4: struct.Struct(">4s4sHH"), _TCP6: struct.Struct(">16s16sHH")}


class Version(Enum):
    """The two versions, as `--proxy-protocol-out` names them."""

    V1 = "v1"
    V2 = "v2"


class ProxyHeaderError(Exception):
    """What a connection began with is no header."""


def read_header() -> Generator[int, bytes, Address | None]:
    """Read a header: yields how many bytes it needs next, is sent exactly these.

    Returns the miner's address, or None where the header does not tell: the proxy asks for itself.
    Not a byte behind the header is asked for. Raises ProxyHeaderError.
    """
    begin = yield len(SIGNATURE)
    if begin == SIGNATURE:
        return (yield from _read_binary())
    if not begin.startswith(b"PROXY "):
        raise ProxyHeaderError("it began with no PROXY header")
    line = begin
    while not line.endswith(b"\r\n"):
        if len(line) >= MAX_LINE_BYTES:
            raise ProxyHeaderError("the PROXY line has no end")
        line += yield 1
    return _read_line(line)


def header(version: Version, source: Address, destination: Address) -> bytes:
    """Return the header for a connection from `source` to `destination`."""
    from_, to = (ip_address(one[0].partition("%")[0]) for one in (source, destination))
    if from_.version != to.version:
        from_, to = (_as_v6(str(one)) for one in (from_, to))
    if version is Version.V1:
        family = f"TCP{from_.version}"
        return f"PROXY {family} {from_} {to} {source[1]} {destination[1]}\r\n".encode()
    family_number = _TCP4 if from_.version == 4 else _TCP6
    body = _BODIES[family_number].pack(from_.packed, to.packed, source[1], destination[1])
    return SIGNATURE + _HEAD.pack(_PROXY, family_number, len(body)) + body


def _as_v6(address: str) -> IPv6Address:
    return IPv6Address(address if ":" in address else f"::ffff:{address}")


def _read_line(line: bytes) -> Address | None:
    match line.decode("ascii", "replace").removesuffix("\r\n").split(" "):
        case ["PROXY", "UNKNOWN", *_]:
            return None
        case ["PROXY", "TCP4" | "TCP6" as family, source, _, port, _]:
            try:
                ip, number = ip_address(source), int(port)
            except ValueError:
                raise ProxyHeaderError("the PROXY line has no address") from None
            if family == f"TCP{ip.version}" and 0 <= number < 65536:
                return str(ip), number
    raise ProxyHeaderError("the PROXY line is malformed")


def _read_binary() -> Generator[int, bytes, Address | None]:
    command, family, length = _HEAD.unpack((yield _HEAD.size))
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError(f"version and command 0x{command:02x} of the header are unknown")
    if length > MAX_BODY_BYTES:
        raise ProxyHeaderError(f"a header of {length} bytes")
    body = (yield length) if length else b""
    if command == _LOCAL or family not in _BODIES:
        return None
    if length < _BODIES[family].size:
        raise ProxyHeaderError("the header has no address")
    source, _, port, _ = _BODIES[family].unpack_from(body)
    return str(ip_address(source)), port
