"""Samples go into a Prometheus by its remote-write protocol, whatever their age.

The protocol knows what no file format knows: the marker that says that a series has ended.
"""

import struct
from collections.abc import Iterable, Mapping
from urllib.request import Request, urlopen

Series = tuple[tuple[str, str], ...]
"""Sorted labels, `__name__` among them."""

ENDED: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' own NaN for a series that is not there any more."""

SECONDS = 60


def write(
    url: str, samples: Mapping[Series, Iterable[tuple[float, float]]], token: str | None = None
) -> None:
    """Send samples, each a time in unix seconds and a value. Raises HTTPError where refused."""
    if not samples:
        return
    body = b"".join(_field(1, _series(labels, found)) for labels, found in samples.items())
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    with urlopen(Request(f"{url}/api/v1/write", _stored(body), headers), timeout=SECONDS):
        pass


def _series(labels: Series, samples: Iterable[tuple[float, float]]) -> bytes:
    texts = (_field(1, n.encode()) + _field(2, v.encode()) for n, v in labels)
    named = b"".join(_field(1, text) for text in texts)
    return named + b"".join(_field(2, _sample(time, value)) for time, value in samples)


def _sample(time: float, value: float) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + _number(round(time * 1000))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _number(len(content)) + content


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _stored(body: bytes) -> bytes:
    """Snappy's format without any compression: one literal."""
    return _number(len(body)) + b"\xfc" + struct.pack("<I", len(body) - 1) + body
