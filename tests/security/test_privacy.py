"""With --privacy.redact-ip no address of a downstream is anywhere."""

from collections.abc import Iterator

import pytest

from tests.e2e.harness.rows import NOON, connection, connection_snapshot, miner, miner_snapshot
from tests.e2e.harness.service import OPENMETRICS, Kind, Service
from tests.e2e.harness.wire import connected, frame, line
from tests.support.snapshots import (
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
    window,
)

pytestmark = pytest.mark.slow

ADDRESSES = ("203.0.113.77:4444", "[2001:db8::77]:4444", "2001:db8::77", "::ffff:203.0.113.77")
MARKS = ("203.0.113.77", "2001:db8", "::77")
PATHS = {
    "proxy": ("/", "/api/miners", "/api/stats", "/health"),
    "pool": ("/", "/api/connections", "/api/services", "/api/stats", "/health"),
}


@pytest.fixture(params=["proxy", "pool"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    kind: Kind = request.param
    with Service(kind, "--privacy.redact-ip", "--log.level=debug") as started:
        yield started
        assert started.stop() == 0
        assert not any(mark in started.log() for mark in MARKS)


def test_no_address_of_a_downstream_is_on_any_surface(service: Service) -> None:
    rows = list(enumerate(ADDRESSES, 1))
    if service.kind == "proxy":
        snapshot = miner_snapshot([miner(n, f"m{n}", address=one) for n, one in rows])
        status = translator_status(*(status_miner(n, address=one) for n, one in rows))
        windows = service_snapshot(*(window(n, address=one) for n, one in rows))
    else:
        snapshot = connection_snapshot([connection(n, "Translator", address=a) for n, a in rows])
        status = pool_status(*(status_proxy(n, address=one) for n, one in rows))
        windows = service_snapshot(
            *(window(n, address=one) for n, one in rows), service_type="Pool"
        )
    twice = dict(snapshot, timestamp=NOON)
    with (
        connected(service.ingest) as frames,
        connected(service.ingest, line, address="127.0.0.2") as lines,
        connected(service.ingest, line, address="127.0.0.3") as only_windows,
        connected(service.ingest, frame, address="127.0.0.4") as bad,
    ):
        frames.hello("named")
        frames.say(snapshot)
        lines.say(status, windows)
        only_windows.say(windows)
        # What is refused must not be quoted either.
        bad.say({"MinerSnapshot": twice, "address": ADDRESSES[0]}, {ADDRESSES[0]: 1})
        service.scrape_until(lambda scrape: len(scrape.sources()) == 3)
        counts = service.downstreams()
        assert set(counts.values()) == {len(ADDRESSES)}
        texts = [service.scrape().text, service.scrape(OPENMETRICS).text]
        texts += [service.get(path).body.decode() for path in PATHS[service.kind]]
        for text in texts:
            assert not any(mark in text for mark in MARKS)
        if service.kind == "proxy":
            api = service.get("/api/miners").json()["miners"]
            assert {one["address"] for one in api} == {None}
            info = service.scrape().find("stratum_proxy_miner_info")
            assert all("address" not in one.labels for one in info)
