"""The two clients of a service, which block: one sends snapshots, the other one scrapes."""

import gzip
import http.client
import re
import socket
import time
from dataclasses import dataclass

import msgspec

from stats_gateway.sender.wire import Hello, encode_hello
from stats_gateway.wire.encoding import Encoding

Address = tuple[str, int]

TIMEOUT_SECONDS = 60.0
WELCOME_BYTES = 4096

TIMESTAMP = "stats_gateway_source_snapshot_timestamp_seconds"
APPLY = "stats_gateway_snapshot_apply_seconds"


class Sender:
    """A sender under a name of its own."""

    def __init__(self, address: Address, source: str, encoding: Encoding = Encoding.FRAMES) -> None:
        self.source = source
        self._socket = socket.create_connection(address, TIMEOUT_SECONDS)
        hello = Hello(source=source, interval=60.0)
        if encoding is Encoding.JSON_LINES:
            self._socket.sendall(msgspec.json.encode({"Hello": hello}) + b"\n")
        else:
            self._socket.sendall(encode_hello(hello))
        self._socket.recv(WELCOME_BYTES)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, message: bytes) -> None:
        """Return once the kernel has taken the last byte of `message`."""
        self._socket.sendall(message)


class Scraper:
    """A scraper that keeps its connection, as Prometheus does."""

    def __init__(self, address: Address) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, path: str, encoding: str = "gzip") -> bytes:
        """The body as it was sent. Raises OSError for any status but 200."""
        self._connection.request("GET", path, headers={"Accept-Encoding": encoding})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: {response.status} {body[:200]!r}")
        return body

    def samples(self, *names: str) -> dict[str, float]:
        """The samples of the families, by name and labels."""
        query = "&".join(f"name[]={name}" for name in names)
        text = gzip.decompress(self.get(f"/metrics?{query}")).decode()
        samples = re.findall(r"^([^#]\S*) (\S+)$", text, re.MULTILINE)
        return {series: float(value) for series, value in samples}

    def wait_for(self, source: str, timestamp: int, poll_seconds: float) -> None:
        """Return once the source's snapshot of `timestamp` is exposed. Raises TimeoutError."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        series = f'{TIMESTAMP}{{source="{source}"}}'
        while self.samples(TIMESTAMP).get(series) != timestamp:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{series} is not {timestamp} after {TIMEOUT_SECONDS:g} s")
            time.sleep(poll_seconds)


@dataclass(frozen=True, slots=True)
class Applied:
    """How long snapshots took from their last byte to /metrics, by the service's own histogram."""

    buckets: dict[float, float]
    """Snapshots that took at most so many seconds."""
    sum: float

    @property
    def count(self) -> float:
        """Snapshots."""
        return self.buckets[float("inf")]

    @property
    def mean(self) -> float:
        """Seconds."""
        return self.sum / self.count

    def since(self, before: "Applied") -> "Applied":
        """What came after `before`."""
        buckets = {le: count - before.buckets[le] for le, count in self.buckets.items()}
        return Applied(buckets, self.sum - before.sum)

    def quantile(self, share: float) -> float:
        """The upper edge of the bucket that the quantile is in: at most so many seconds."""
        return next(le for le, count in self.buckets.items() if count >= share * self.count)


def applied(scraper: Scraper) -> Applied:
    """The histogram as it is now."""
    samples = scraper.samples(f"{APPLY}_bucket", f"{APPLY}_sum")
    buckets = {
        float(le[1]): value
        for series, value in samples.items()
        if (le := re.search(r'_bucket\{le="(\S+)"\}', series))
    }
    return Applied(buckets, samples[f"{APPLY}_sum"])
