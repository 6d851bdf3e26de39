"""The description of the API, held against what the API answers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case
from schemathesis.core.result import Ok
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
    asking = Prometheus(f"http://127.0.0.1:{port}")
    async with server, asking as asked, serving(service, asked) as web:
        rows = {
            Service.PROXY: miner_snapshot(miner(1, shares_rejected=1), miner(2)),
            Service.POOL: connection_snapshot(connection(1), connection(2), listen_address="h:1"),
        }
        for number, name in enumerate(("down", "a")):
            web.senders.hello(number, name)
            web.senders.send(number, rows[service])
        web.senders.send(1, rows[service], 20.0)
        web.senders.pass_time(30.0)
        await web.published()
        yield web


@pytest.mark.slow
@pytest.mark.parametrize("service", Service)
async def test_every_answer_is_as_the_description_says(service: Service) -> None:
    schema = schemathesis.openapi.from_dict(description(service))
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
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


def check_all(strategy: SearchStrategy[Case[Any]], url: str) -> None:
    @given(case=strategy)
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Case[Any]) -> None:
        case.call_and_validate(base_url=url, checks=CHECKS)

    check()


@pytest.mark.parametrize("service", Service)
def test_every_path_of_the_api_is_described_and_no_other(service: Service) -> None:
    described = set(description(service)["paths"])  # type: ignore[arg-type]  # Node is of any kind
    routes = {
        re.sub(":[a-z]+", "", route.path)
        for route in Web(service).endpoints.routes()
        if route.path.startswith(("/api/", "/health"))
    }
    assert routes - {"/api/openapi.json"} == described


def test_the_page_about_the_api_names_every_path_parameter_and_field_of_both_services() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for service in Service:
        whole = json.loads(json.dumps(description(service)))
        for path in whole["paths"]:
            assert f"`{path}`" in text
        for name in {one["name"] for one in whole["components"]["parameters"].values()}:
            assert re.search(rf"\b{name}\b", text), name
        schemas = whole["components"]["schemas"]
        row = "Miner" if service is Service.PROXY else "Connection"
        for field in schemas["Row"]["properties"] | schemas[row]["properties"]:
            assert f"`{field}`" in text, field


async def test_the_description_is_served_and_has_only_the_parts_of_the_service() -> None:
    async with serving(Service.POOL) as web:
        answer = await web.ask("/api/openapi.json")
    assert answer.status == 200
    assert "/api/connections" in answer.json["paths"]
    assert "/api/miners" not in answer.json["paths"]
    assert "x-service" not in answer.body.decode()
    parameters = answer.json["paths"]["/api/history"]["get"]["parameters"]
    assert [one["$ref"].rpartition("/")[2] for one in parameters] == [
        *("range", "connection", "source")
    ]
