"""Readers of the old services, at a real service that is fed as those were."""

import pytest

from tests.e2e.harness.rust import (
    jds_snapshot,
    pool_status,
    producer,
    proxy_row,
    service_snapshot,
    status_row,
    translator_status,
    window_row,
)
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import connected, line
from tests.support.until import until

pytestmark = pytest.mark.slow

HOST = "127.0.0.7"


def test_a_translators_readers_get_what_they_always_got() -> None:
    sent = translator_status(status_row(1, "miner_1"), status_row(2, "miner_2"))
    with Service("proxy", "--web.old-shapes") as service, producer(service.ingest, HOST) as rust:
        nothing = service.get("/api/stats")
        assert (nothing.status, nothing.json()) == (503, {"error": "no data available"})
        rust.status.say(sent)
        until(lambda: service.get("/api/stats").status == 200)
        assert service.get("/api/stats").json() == sent
        assert service.get("/balance").json()["balance"] == "500000 ehash"
        assert {"healthy", "stale"} <= service.get("/health").json().keys()
        old_fields = sent["downstream_miners"][0].keys()
        assert all(row.keys() >= old_fields for row in service.get("/api/miners").json()["miners"])

        window = window_row(1, "miner_1", 100, shares=60, difficulty=2.0)
        rust.metrics.say(service_snapshot("Translator", window))
        until(lambda: hashrates(service) == {1: 2.0 * 2**32, 2: 1.5e11})
        assert service.stop() == 0


def test_a_pools_readers_get_bare_lists_with_the_job_declarator() -> None:
    sent = pool_status(proxy_row(1), proxy_row(2, work_selection=True))
    with (
        Service("pool", "--web.old-shapes=true") as service,
        producer(service.ingest, HOST) as rust,
        connected(service.ingest, line, address=HOST) as declarator,
    ):
        rust.status.say(sent)
        declarator.say(jds_snapshot())
        until(lambda: service.get("/api/stats").status == 200)
        assert service.get("/api/stats").json() == sent
        assert service.get("/api/connections").json() == sent["downstream_proxies"]
        assert service.get("/api/services").json() == sent["services"]
        assert service.stop() == 0


def hashrates(service: Service) -> dict[int, float]:
    rows = service.get("/api/stats").json()["downstream_miners"]
    return {row["id"]: row["hashrate"] for row in rows}
