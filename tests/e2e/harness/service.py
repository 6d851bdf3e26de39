"""stats-proxy or stats-pool as a process, and everything a client may ask it."""

import gzip
import http.client
import json
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.e2e.harness.program import LOOPBACK, Program
from tests.e2e.harness.scrape import Scrape
from tests.support.until import until

Kind = Literal["proxy", "pool"]

TEXT = {"Accept": "text/plain;version=0.0.4"}
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
GZIP = {"Accept-Encoding": "gzip"}
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - as many shapes as paths
        """The body as JSON."""
        return json.loads(self.body)


class HttpClient:
    """One kept connection to a service."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for `path`."""
        self._connection.request("GET", path, headers=dict(headers or {}))
        response = self._connection.getresponse()
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return Answer(response.status, dict(response.headers.items()), body)

    def scrape(self, headers: Mapping[str, str] = TEXT, path: str = "/metrics") -> Scrape:
        """Scrape `/metrics`, which answers 200 whatever there is to tell."""
        answer = self.get(path, headers)
        assert answer.status == 200, answer
        # Header names as uvicorn writes them.
        return Scrape.parse(answer.body.decode(), answer.headers["content-type"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Service(Program):
    """One service, listening; port 0 takes any that is free."""

    def __init__(self, kind: Kind, *options: str, ingest: int = 0, web: int = 0) -> None:
        super().__init__(
            f"exporters.{kind}",
            f"--ingest.listen-address={LOOPBACK}:{ingest}",
            f"--web.listen-address={LOOPBACK}:{web}",
            *options,
        )
        self.kind = kind
        self.ingest = self._port(r"listening for senders on \S+?:(\d+)")
        self.web = self._port(r"listening for HTTP on http://\S+?:(\d+)")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for `path` over a connection of its own."""
        with client(self.web) as once:
            return once.get(path, headers)

    def scrape(self, headers: Mapping[str, str] = TEXT, path: str = "/metrics") -> Scrape:
        """Scrape over a connection of its own."""
        with client(self.web) as once:
            return once.scrape(headers, path)

    def scrape_until(self, condition: Callable[[Scrape], object], seconds: float = 45.0) -> Scrape:
        """The first scrape of which `condition` is true; fails after `seconds`."""
        last: list[Scrape] = []

        def holds() -> bool:
            last[:] = [self.scrape()]
            return bool(condition(last[0]))

        until(holds, seconds)
        return last[0]

    def downstreams(self) -> dict[str, int | None]:
        """The number of rows of each source, None where it is down: quick, and no scrape."""
        sources = self.get("/api/stats").json()["sources"]
        assert all(one["up"] == (one["downstreams"] is not None) for one in sources)
        return {one["source"]: one["downstreams"] for one in sources}

    def errors(self) -> list[str]:
        """What it logged that none of these tests expects: errors, and anything not a log line."""
        return [line for line in self.lines if "level=error" in line or "level=" not in line]

    def open_files(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def resident_bytes(self) -> int:
        """Its memory that is in use."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def _port(self, pattern: str) -> int:
        try:
            return int(self.wait_for_line(pattern)[1])
        except BaseException:
            self.kill()
            raise


@contextmanager
def client(port: int) -> Iterator[HttpClient]:
    """A kept connection to the service whose HTTP port that is."""
    opened = HttpClient(port)
    try:
        yield opened
    finally:
        opened.close()
