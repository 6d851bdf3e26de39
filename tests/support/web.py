"""A service's HTTP side on a real socket, over a store that a test fills."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from exporters.endpoints.routes import Endpoints, build_app
from exporters.exposition.publisher import Publisher
from exporters.exposition.render import Renderer
from exporters.exposition.self_metrics import SelfMetrics
from exporters.history.answers import History
from exporters.history.client import Prometheus
from exporters.history.drawn import Drawn
from exporters.history.promql import FAMILIES
from exporters.http.server import HttpServer
from exporters.settings.addresses import Address, bind, bound_address
from stats_gateway.clock import Now
from stats_gateway.intake.counters import Counters
from stats_gateway.wire.services import Service
from tests.support.expositions import LAYOUTS
from tests.support.senders import Senders, at

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON has no one type
        """The body as JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


def history_of(prometheus: Prometheus, service: Service) -> History:
    return History(prometheus, FAMILIES[service], (), rows=lambda: 10)


class Web:
    """What is behind the socket, and questions to it over one kept connection."""

    def __init__(self, service: Service, prometheus: Prometheus | None = None) -> None:
        self.senders = Senders(service)
        self.counters = Counters()
        self.now = at(0)
        self.worker = ThreadPoolExecutor(1)
        self_metrics = SelfMetrics(service, self.counters, CollectorRegistry())
        renderer = Renderer[Any](LAYOUTS[service], None)  # Any: of either service
        self.publisher = Publisher(
            self.senders.store, renderer, self.counters, self_metrics, self.worker
        )
        endpoints = Endpoints(
            service=service,
            store=self.senders.store,
            publisher=self.publisher,
            self_metrics=self_metrics,
            clock=self._clock,
            history=None if prometheus is None else history_of(prometheus, service),
            drawn=None if prometheus is None else Drawn(prometheus, service, ()),
        )
        self.endpoints = endpoints
        self.server = HttpServer(build_app(endpoints))
        self.connection: http.client.HTTPConnection
        self.port: int

    def _clock(self) -> Now:
        return self.now

    async def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request over the kept connection."""
        return await asyncio.to_thread(self._ask, method, path, headers or {})

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        self.connection.request(method, path, headers=dict(headers))
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    async def published(self) -> None:
        """Wait until what the store holds is rendered."""
        wanted = self.senders.store.view.sources.keys()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.publisher.exposition.sources.keys() != wanted:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(
    service: Service = Service.PROXY, prometheus: Prometheus | None = None
) -> AsyncIterator[Web]:
    """A service without an ingest side, up until the end of the block."""
    web = Web(service, prometheus)
    listener = bind(Address("127.0.0.1", 0))
    port = bound_address(listener).port
    web.port = port
    web.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    tasks = (
        asyncio.create_task(web.server.serve(listener)),
        asyncio.create_task(web.publisher.run()),
    )
    try:
        yield web
    finally:
        web.connection.close()
        web.server.stop()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        web.worker.shutdown()
