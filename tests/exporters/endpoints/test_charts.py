"""`/api/history`, its sparklines and `/api/alerts`, asked of something that answers as told."""

import json
from collections.abc import Sequence
from urllib.parse import quote

import pytest

from exporters.endpoints.history.alerts import MOST_ALERTS
from exporters.endpoints.history.charts import ChartEndpoints
from exporters.history.charts import MOST_SPARKLINES
from exporters.history.client import MAX_ALERTS_BYTES
from exporters.history.drawn import EMPTY_SECONDS, KEPT_VIEWS
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service
from tests.support.history import Form, Server, history
from tests.support.routes import serving_routes
from tests.support.senders import at
from tests.support.snapshots import NOW

Labels = dict[str, str]


def several(*series: tuple[Labels, Sequence[tuple[float, str]]]) -> bytes:
    """Several series, as Prometheus answers."""
    result = [{"metric": labels, "values": values} for labels, values in series]
    return json.dumps({"status": "success", "data": {"result": result}}).encode()


def firing(name: str, severity: str = "warning", since: str = "2024-11-01T19:22:00.5Z") -> Labels:
    return {"alertname": name, "severity": severity, "since": since}


def alerts(*told: Labels, state: str = "firing") -> bytes:
    """Alerts, as Prometheus answers."""
    found = [
        {
            "labels": {key: value for key, value in one.items() if key != "since"},
            "annotations": {"summary": f"{one['alertname']} fires.", "description": "d"},
            "state": state,
            "activeAt": one["since"],
            "value": "1e+00",
        }
        for one in told
    ]
    return json.dumps({"status": "success", "data": {"alerts": found}}).encode()


async def test_all_lines_of_a_view_are_one_question_and_share_their_times() -> None:
    async def answer(form: Form) -> bytes:
        start = int(form["start"])
        return several(
            ({"line": "hashrate declared"}, [(start, "1"), (start + 300, "2")]),
            ({"line": "rejected_per_minute", "reason": "stale"}, [(start + 300, "0.5")]),
            ({"line": "miners", "state": "idle"}, [(start + 600, "NaN")]),
        )

    server = Server(answer)
    async with history(server) as get:
        found = (await get("/api/history")).json
    (form,) = server.forms
    assert (found["range"], found["step"], form["step"]) == ("24h", 300, "300")
    times = found["timestamps"]
    assert (times[0], times[1], times[-1]) == (int(form["start"]), times[0] + 300, int(form["end"]))
    assert len(times) == 289
    charts = found["charts"]
    assert charts.keys() == {"hashrate", "rejected_per_minute", "miners"}
    assert charts["hashrate"]["declared"][:3] == [1.0, 2.0, None]
    assert charts["rejected_per_minute"]["stale"][:3] == [None, 0.5, None]
    assert set(charts["miners"]["idle"]) == {None}, "unknown is not 0"
    assert {len(line) for chart in charts.values() for line in chart.values()} == {len(times)}


async def test_everyone_who_looks_at_a_view_shares_one_question_until_the_next_step() -> None:
    async def answer(form: Form) -> bytes:
        return several(({"line": "hashrate declared"}, [(int(form["end"]), "1")]))

    server = Server(answer)
    now = [at(0)]
    async with history(server, clock=lambda: now[0]) as get:
        for _ in range(3):
            await get("/api/history?range=1h")
        assert len(server.forms) == 1
        now[0] = at(30)
        await get("/api/history?range=1h")
        assert len(server.forms) == 2
        await get("/api/history?range=7d")
        await get("/api/history?range=1h&miner=a")
        assert len(server.forms) == 4
        assert 'name="a"' in server.forms[-1]["query"]


async def test_an_empty_view_is_asked_for_again_soon() -> None:
    async def nothing(_form: Form) -> bytes:
        return several()

    server = Server(nothing)
    now = [at(0)]
    async with history(server, clock=lambda: now[0]) as get:
        for _ in range(2):
            assert (await get("/api/history?range=30d")).json["charts"] == {}
        assert len(server.forms) == 1
        now[0] = Now(at(EMPTY_SECONDS).monotonic, NOW)
        await get("/api/history?range=30d")
        assert len(server.forms) == 2


async def test_sparklines_are_one_question_whatever_the_order_of_their_rows() -> None:
    async def answer(form: Form) -> bytes:
        return several(({"source": "t", "name": "b"}, [(int(form["end"]), "5")]))

    server = Server(answer)
    async with history(server) as get:
        found = (await get("/api/history/sparklines?miner=b&miner=a")).json
        await get("/api/history/sparklines?miner=a&miner=b&miner=a")
    assert len(server.forms) == 1
    (line,) = found["sparklines"]
    assert (line["source"], line["name"]) == ("t", "b")
    assert len(line["hashrate"]) == len(found["timestamps"]) == 49
    assert line["hashrate"][-2:] == [None, 5.0]


async def test_views_kept_are_bounded() -> None:
    async def answer(form: Form) -> bytes:
        return several(({"line": "hashrate declared"}, [(int(form["end"]), "1")]))

    server = Server(answer)
    async with history(server) as get:
        for name in range(KEPT_VIEWS + 1):
            await get(f"/api/history?miner={name}")
        await get(f"/api/history?miner={KEPT_VIEWS}")
        assert len(server.forms) == KEPT_VIEWS + 1
        await get("/api/history?miner=0")
        assert len(server.forms) == KEPT_VIEWS + 2


async def test_an_answer_with_more_alerts_than_are_read_is_refused() -> None:
    async def endless(_form: Form) -> bytes:
        return b" " * (MAX_ALERTS_BYTES + 1)

    async with history(Server(endless)) as get:
        answer = await get("/api/alerts")
    assert answer.status == 503
    assert answer.json == {"error": f"Prometheus answered over {MAX_ALERTS_BYTES} bytes"}


PATHS_REFUSED = {
    "/api/history?range=2h": "range must be 1h, 24h, 7d or 30d, not '2h'",
    "/api/history?miner=a&miner=b": "miner may be given once",
    "/api/history?connection=1": "stats-proxy has no connections: give miner",
    f"/api/history?miner={'a' * 257}": "miner must have from 1 to 256 characters",
    "/api/history?source=": "source must have from 1 to 256 characters",
    "/api/history/sparklines": f"miner must be given 1 to {MOST_SPARKLINES} times",
    "/api/history/sparklines?" + "&".join(f"miner={number}" for number in range(51)): (
        f"miner must be given 1 to {MOST_SPARKLINES} times"
    ),
}


@pytest.mark.parametrize(("path", "says"), PATHS_REFUSED.items(), ids=range(len(PATHS_REFUSED)))
async def test_nonsense_is_refused_without_a_question(path: str, says: str) -> None:
    server = Server(lambda _: several())  # type: ignore[arg-type,return-value]  # never called
    async with history(server) as get:
        answer = await get(path)
    assert (answer.status, answer.json) == (400, {"error": says})
    assert not server.forms


async def test_a_pool_is_asked_for_connections() -> None:
    async def nothing(_form: Form) -> bytes:
        return several()

    server = Server(nothing)
    async with history(server, Service.POOL) as get:
        assert (await get("/api/history?connection=7&source=p")).status == 200
        assert 'source="p",downstream_id="7"' in server.forms[0]["query"]
        refused = await get(f"/api/history?connection={quote('7) or up')}")
        assert (refused.status, len(server.forms)) == (400, 1)


async def test_a_named_connection_is_drawn_by_its_name_which_outlives_its_sessions() -> None:
    async def answer(form: Form) -> bytes:
        point = [(int(form["end"]), "5")]
        return several(
            ({"source": "p", "name": "t-1"}, point), ({"source": "p", "downstream_id": "7"}, point)
        )

    server = Server(answer)
    async with history(server, Service.POOL) as get:
        found = (await get("/api/history/sparklines?name=t-1&connection=7")).json
        assert 'name=~"t-1"' in server.forms[0]["query"]
        assert 'downstream_id=~"7"' in server.forms[0]["query"]
        rows = [line["source"] + line.get("name", "") for line in found["sparklines"]]
        assert rows == ["pt-1", "p"]
        assert found["sparklines"][1]["downstream_id"] == "7"
        both = "&".join(f"name=n{number}&connection={number}" for number in range(26))
        refused = await get(f"/api/history/sparklines?{both}")
        said = f"connection and name must be given 1 to {MOST_SPARKLINES} times"
        assert (refused.status, refused.json) == (400, {"error": said})
    assert len(server.forms) == 1


async def test_alerts_of_this_service_are_told_the_gravest_first() -> None:
    async def answer(_form: Form) -> bytes:
        return alerts(
            firing("StratumProxyMinerIdle", "info"),
            firing("StratumProxyMinerVanished", since="2024-11-01T19:00:00.123456789Z"),
            firing("StratumProxyMinerVanished", since="2024-11-01T19:30:00Z"),
            firing("StatsGatewaySourceStale", "critical") | {"source": "t", "job": "stats-proxy"},
            firing("StatsGatewayWatchdog", "none"),
            firing("StratumPoolNoTranslator", "critical"),
            firing("StatsGatewaySourceStale", "critical") | {"source": "p", "job": "stats-pool"},
            firing("NodeDown", "critical"),
        )

    server = Server(answer)
    async with history(server) as get:
        found = (await get("/api/alerts")).json
        await get("/api/alerts")
    assert len(server.heads) == 1
    assert server.heads[0].startswith("GET /api/v1/alerts ")
    assert found["total"] == 4
    assert [(one["alert"], one["severity"]) for one in found["alerts"]] == [
        ("StatsGatewaySourceStale", "critical"),
        ("StratumProxyMinerVanished", "warning"),
        ("StratumProxyMinerVanished", "warning"),
        ("StratumProxyMinerIdle", "info"),
    ]
    assert found["alerts"][0] == {
        "alert": "StatsGatewaySourceStale",
        "severity": "critical",
        "summary": "StatsGatewaySourceStale fires.",
        "description": "d",
        "labels": {"source": "t", "job": "stats-proxy"},
        "since": 1730488920,
        "runbook": "runbook#statsgatewaysourcestale",
    }
    assert [one["since"] for one in found["alerts"][1:3]] == [1730489400, 1730487600]


async def test_alerts_of_another_site_and_pending_ones_are_left_out() -> None:
    async def answer(_form: Form) -> bytes:
        here, there = ({"site": site} for site in ("here", "there"))
        name = "StratumProxyMinerIdle"
        return alerts(firing(name) | here, firing(name) | there, firing(name))

    async with history(Server(answer), scraped_as=(("site", "=", "here"),)) as get:
        found = (await get("/api/alerts")).json["alerts"]
    assert [one["labels"] for one in found] == [{"site": "here"}, {}]

    async def pending(_form: Form) -> bytes:
        return alerts(firing("StratumProxyMinerIdle"), state="pending")

    async with history(Server(pending)) as get:
        assert (await get("/api/alerts")).json == {"alerts": [], "total": 0}


async def test_of_many_alerts_the_first_are_told_and_all_are_counted() -> None:
    async def many(_form: Form) -> bytes:
        return alerts(*[firing("StratumProxyMinerVanished")] * 3000)

    async with history(Server(many)) as get:
        found = (await get("/api/alerts")).json
    assert (len(found["alerts"]), found["total"]) == (MOST_ALERTS, 3000)


@pytest.mark.parametrize("path", ["/api/history", "/api/alerts", "/api/history/sparklines?miner=a"])
@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"status": "success", "data": {"alerts": 1}}']
)
async def test_what_is_no_prometheus_is_said_to_be_none(path: str, body: bytes) -> None:
    async def answer(_form: Form) -> bytes:
        return body

    async with history(Server(answer, status="404 Not Found")) as get:
        found = await get(path)
    if b"alerts" in body and "alerts" not in path:
        assert found.status == 200
        return
    assert (found.status, found.json) == (
        503,
        {"error": "Prometheus answered 404, and not as Prometheus does"},
    )


async def test_without_a_prometheus_the_missing_setting_is_named() -> None:
    endpoints = ChartEndpoints(service=Service.PROXY, drawn=None, clock=lambda: at(0))
    async with serving_routes(endpoints.routes()) as get:
        answer = await get("/api/history")
    assert answer.status == 503
    assert answer.json == {"error": "history needs Prometheus: set history.prometheus_url"}
