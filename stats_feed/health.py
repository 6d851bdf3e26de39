"""This module tells how a feed itself is doing, as metrics that Prometheus can scrape."""

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

from stats_gateway.sender import StatsHandle

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0
"""For one request. Requests are served one after another, so a slow client must not hold others."""

Address = tuple[str, int]
Sample = tuple[dict[str, str], float]
Families = Callable[[], Iterator[str]]
"""Gives families of one feed only, each as the text that `family` returns."""


class SourceHealth:
    """How the reading of one source goes; one thread writes it, another one reads it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.up = False
        self.last_success: float | None = None
        self.last_change: float | None = None
        """When what was read was last different from the reading before it."""
        self.reads = 0
        self.read_seconds = 0.0
        self.failures: Counter[str] = Counter()
        self.rows = 0
        self.restarts = 0

    @property
    def has_succeeded(self) -> bool:
        """Whether the source has ever been read."""
        return self.last_success is not None

    def succeeded(self, unix: float, seconds: float) -> None:
        """Note a reading that went well."""
        self.up, self.last_success = True, unix
        self.reads += 1
        self.read_seconds += seconds

    def failed(self, reason: str) -> None:
        """Note a reading that failed."""
        self.up, self.rows = False, 0
        self.failures[reason] += 1


class Health:
    """How everything goes that one process reads and sends."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._lock = threading.Lock()
        self._sources: list[SourceHealth] = []
        self._gateways: dict[tuple[str, str], StatsHandle] = {}
        self._families: list[Families] = []

    def add_families(self, families: Families) -> None:
        """Add what only one kind of feed tells."""
        with self._lock:
            self._families.append(families)

    def add_source(self, source: str) -> SourceHealth:
        """Add a source that is read."""
        health = SourceHealth(source)
        with self._lock:
            self._sources.append(health)
        return health

    def add_gateway(self, source: str, address: Address, handle: StatsHandle) -> None:
        """Add a gateway that a source's snapshots go to, or its handle in place of an older one."""
        with self._lock:
            self._gateways[source, f"{address[0]}:{address[1]}"] = handle

    def exposition(self) -> str:
        """Return everything in Prometheus's text format."""
        with self._lock:
            sources, gateways = list(self._sources), dict(self._gateways)
            more = list(self._families)
        families = [
            _build_info(self._version),
            *_source_families(sources),
            *_gateway_families(gateways),
            *(text for one in more for text in one()),
        ]
        return "".join(families)


def _build_info(version: str) -> str:
    info = [({"version": version}, 1.0)]
    return family("stats_feed_build_info", "gauge", "The version of this program; always 1.", info)


def _source_families(sources: list[SourceHealth]) -> Iterator[str]:
    def each(name: str, kind: str, help_: str, field: str) -> str:
        values = [({"source": one.source}, getattr(one, field)) for one in sources]
        samples = [(labels, float(value)) for labels, value in values if value is not None]
        return family(f"stats_feed_{name}", kind, help_, samples)

    yield each("up", "gauge", "Whether the newest reading of the source went well.", "up")
    yield each(
        "last_success_timestamp_seconds",
        "gauge",
        "When the source was last read, by the feed's clock.",
        "last_success",
    )
    yield each(
        "last_change_timestamp_seconds",
        "gauge",
        "When the source last told something else than before, by the feed's clock.",
        "last_change",
    )
    yield each("rows", "gauge", "Rows of the newest snapshot.", "rows")
    yield each("reads_total", "counter", "Readings that went well.", "reads")
    yield each(
        "read_seconds_total", "counter", "Seconds spent on readings that went well.", "read_seconds"
    )
    yield each(
        "source_restarts_total", "counter", "Restarts of the source that were seen.", "restarts"
    )
    failures = [
        ({"source": one.source, "reason": reason}, float(count))
        for one in sources
        for reason, count in sorted(one.failures.items())
    ]
    yield family("stats_feed_read_failures_total", "counter", "Readings that failed.", failures)


def _gateway_families(gateways: dict[tuple[str, str], StatsHandle]) -> Iterator[str]:
    states = [
        ({"source": source, "gateway": gateway}, handle.statistics())
        for (source, gateway), handle in gateways.items()
    ]
    for name, kind, help_, field in (
        ("connected", "gauge", "Whether the gateway has welcomed this feed.", "connected"),
        ("snapshots_sent_total", "counter", "Snapshots written whole.", "sent"),
        ("failures_total", "counter", "Connections that failed or broke.", "failures"),
    ):
        samples = [(labels, float(getattr(state, field))) for labels, state in states]
        yield family(f"stats_feed_gateway_{name}", kind, help_, samples)


def family(name: str, kind: str, help_: str, samples: list[Sample], *, suffix: str = "") -> str:
    """Return a family in Prometheus's text format; `suffix` is what its samples' names end with."""
    lines = [sample(name + suffix, labels, value) for labels, value in samples]
    return "".join([f"# HELP {name} {help_}\n# TYPE {name} {kind}\n", *lines])


def sample(name: str, labels: dict[str, str], value: float) -> str:
    """Return one line of Prometheus's text format."""
    return f"{name}{_labels(labels)} {value!r}\n"


def _labels(labels: dict[str, str]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class HealthServer:
    """Serves `/metrics` and `/-/healthy` on a daemon thread. Raises OSError where it cannot."""

    def __init__(self, address: Address, health: Health) -> None:
        handler = type("Handler", (_Handler,), {"health": health})
        server = type("Server", (_Server,), {"address_family": _family_of(address)})
        self._server: HTTPServer = server(address, handler)
        host, port = self._server.server_address[:2]
        self.address = (str(host), int(port))
        logger.info("serving the feed's own metrics on http://%s:%d/metrics", host, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "HealthServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's signature
        logger.debug("a scrape of the feed's own metrics broke off")


def _family_of(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


class _Handler(BaseHTTPRequestHandler):
    health: ClassVar[Health]
    timeout = REQUEST_SECONDS
    server_version = "stats-feed"
    sys_version = ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                content = "text/plain; version=0.0.4; charset=utf-8"
                self._answer(HTTPStatus.OK, self.health.exposition(), content)
            case "/-/healthy":
                self._answer(HTTPStatus.OK, "stats-feed is healthy.\n", "text/plain")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "not found\n", "text/plain")

    def _answer(self, status: HTTPStatus, text: str, content_type: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        logger.debug(format, *args)
