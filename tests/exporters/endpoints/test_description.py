"""The description of the API, held against what the API answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from exporters.endpoints.documents.description import description
from exporters.history.client import Prometheus
from stats_gateway.wire.services import Service
from tests.support.history import Form, Server, times
from tests.support.snapshots import connection, connection_snapshot, miner, miner_snapshot
from tests.support.web import Web, serving

ROOT = Path(__file__).resolve().parents[3]

EXAMPLES = 10
"""Questions for each operation: some that it allows, and some that it does not."""

CHECKS = [
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
]

LINES = (
    {"line": "hashrate declared"},
    {"line": "rejected_per_minute", "reason": "stale"},
    {"line": "miners", "state": "idle"},
)
SPARKLINE = {"source": "a", "name": "n", "downstream_id": "1"}


async def prometheus(form: Form) -> bytes:
    """Some of everything: series, or alerts where there is no form."""
    if not form:
        labels = {"alertname": "StatsGatewaySourceStale", "severity": "critical", "source": "a"}
        alert = {"labels": labels, "state": "firing", "activeAt": "2024-11-01T19:22:00Z"}
        return json.dumps({"status": "success", "data": {"alerts": [alert]}}).encode()
    values = [(when, "1.5") for when in times(form)][:50]
    lines = LINES if "label_replace" in form["query"] else (SPARKLINE,)
    result = [{"metric": labels, "values": values} for labels in lines]
    return json.dumps({"status": "success", "data": {"result": result}}).encode()


@asynccontextmanager
async def answering(service: Service) -> AsyncIterator[Web]:
    """A service with rows, a source that is down, and a Prometheus."""
    server = await asyncio.start_server(Server(prometheus).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Prometheus(f"http://127.0.0.1:{port}") as asked:
        async with serving(service, asked) as web:
            rows = {
                Service.PROXY: miner_snapshot(miner(1, shares_rejected=1), miner(2)),
                Service.POOL: connection_snapshot(
                    connection(1), connection(2), listen_address="h:1"
                ),
            }
            for number, name in enumerate(("down", "a")):
                web.senders.hello(number, name)
                web.senders.send(number, rows[service])
            web.senders.send(1, rows[service], 20.0)
            web.senders.pass_time(30.0)
            await web.published()
            yield web


@pytest.mark.parametrize("service", Service)
async def test_every_answer_is_as_the_description_says(service: Service) -> None:
    schema = schemathesis.openapi.from_dict(description(service))
    operations = [result.ok() for result in schema.get_all_operations()]
    async with answering(service) as web:

        def ask_all() -> None:
            for operation in operations:
                takes_any = len(operation.query) + len(operation.path_parameters) > 0
                for mode in schemathesis.GenerationMode:
                    # Where nothing can be said, nothing can be said wrongly.
                    if takes_any or mode is schemathesis.GenerationMode.POSITIVE:
                        strategy = operation.as_strategy(generation_mode=mode)
                        check_all(strategy, f"http://127.0.0.1:{web.port}")

        await asyncio.to_thread(ask_all)
    assert len(operations) >= 8


def check_all(strategy: object, url: str) -> None:
    @given(case=strategy)
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Case) -> None:
        case.call_and_validate(base_url=url, checks=CHECKS)

    check()
