import asyncio
import re
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest

from exporters.endpoints.history.hashrate import HistoryEndpoints
from exporters.errors import PrometheusError
from exporters.exposition.families import ALL
from exporters.history import client
from exporters.history.answers import KEPT_ANSWERS, Range
from exporters.history.client import MAX_ANSWER_BYTES, MAX_QUESTIONS
from exporters.history.promql import FAMILIES, Subject, hashrate, known
from exporters.settings.addresses import parse_url
from stats_gateway.wire.services import Service
from tests.support.history import Form, Server, constantly, history, matrix, times
from tests.support.routes import serving_routes
from tests.support.senders import at
from tests.support.snapshots import NOW

DAY = 24 * 3600
NONSENSE = ["", "-1", "1.5", "now", "1e9", "\uff11", "1730488920000", "NaN"]


async def nothing(_form: Form) -> bytes:
    return b'{"status": "success", "data": {"result": []}}'


async def test_the_answer_has_the_old_shape() -> None:
    async def two(_form: Form) -> bytes:
        return matrix([(1730488800, "1.5e12"), (1730488860, "0")])

    async with history(Server(two)) as get:
        answer = await get("/api/hashrate?from=1730488800&to=1730488860")
        assert (answer.status, answer.json) == (
            200,
            {
                "data": [
                    {"timestamp": 1730488800, "hashrate_hs": 1.5e12},
                    {"timestamp": 1730488860, "hashrate_hs": 0.0},
                ]
            },
        )


async def test_without_from_and_to_it_is_the_last_day() -> None:
    server = Server(constantly)
    async with history(server) as get:
        data = (await get("/api/hashrate")).json["data"]
        assert NOW - 180 < data[-1]["timestamp"] <= NOW
        assert NOW - DAY <= data[0]["timestamp"] < NOW - DAY + 180
        (form,) = server.forms
        assert form["step"] == "180"


@pytest.mark.parametrize("days", [1 / 24, 0.5, 1, 7, 30, 399])
def test_any_range_has_about_500_points_in_whole_minutes_and_aligned(days: float) -> None:
    wanted = Range(NOW - int(days * DAY), NOW)
    step = wanted.step()
    question = wanted.question("", step)
    assert question is not None
    assert step % 60 == question.start % step == question.end % step == 0
    assert wanted.start <= question.start <= question.end <= wanted.end
    points = (question.end - question.start) // step + 1
    assert points <= 501
    assert points >= 250 or step == 60


async def test_from_0_begins_where_prometheus_begins() -> None:
    began = NOW - 30 * DAY

    async def since(form: Form) -> bytes:
        return matrix((when, "1") for when in times(form) if when >= began)

    server = Server(since)
    async with history(server) as get:
        data = (await get("/api/hashrate?from=0")).json["data"]
        assert began <= data[0]["timestamp"] < began + DAY
        assert len(data) > 250
        assert len(server.forms) == 2


async def test_from_0_of_an_empty_prometheus_is_an_empty_answer() -> None:
    async with history(Server(nothing)) as get:
        assert (await get("/api/hashrate?from=0")).json == {"data": []}


async def test_nonsense_is_refused_with_what_would_be_right() -> None:
    server = Server(nothing)
    async with history(server) as get:
        for parameter, value in product(("from", "to"), NONSENSE):
            answer = await get(f"/api/hashrate?{parameter}={quote(value)}")
            assert answer.status == 400, value
            assert answer.json["error"].startswith(f"{parameter} must be whole unix seconds")
        assert not server.forms


async def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    async with history(Server(nothing)) as get:
        answer = await get("/api/hashrate?from=1730488920&to=1730488919")
        assert (answer.status, answer.json["error"]) == (
            400,
            "from must not be after to: 1730488920 is after 1730488919",
        )


async def test_what_is_still_to_come_is_not_asked_for() -> None:
    server = Server(constantly)
    async with history(server) as get:
        data = (await get(f"/api/hashrate?from={NOW - 600}&to={NOW + DAY}")).json["data"]
        assert data[-1]["timestamp"] <= NOW
        later = await get(f"/api/hashrate?from={NOW + 60}&to={NOW + DAY}")
        assert (later.status, later.json) == (200, {"data": []})
        assert len(server.forms) == 1


async def test_points_that_are_no_number_are_left_out() -> None:
    async def odd(_form: Form) -> bytes:
        return matrix([(60, "NaN"), (120, "+Inf"), (180, "1")])

    async with history(Server(odd)) as get:
        assert (await get("/api/hashrate")).json == {"data": [{"timestamp": 180, "hashrate_hs": 1}]}


async def test_an_unknown_id_or_name_has_no_data() -> None:
    async with history(Server(nothing)) as get:
        for path in ("/api/downstream/4294967296/hashrate", "/api/miner/nobody/hashrate"):
            answer = await get(path)
            assert (answer.status, answer.json) == (200, {"data": []})


async def test_names_and_sources_are_escaped() -> None:
    hostile = 'a"} or vector(1) # \\/é{'
    escaped = 'a\\"} or vector(1) # \\\\/é{'
    server = Server(nothing)
    async with history(server) as get:
        name = quote(hostile, safe="")
        assert (await get(f"/api/miner/{name}/hashrate?source={name}%0A")).status == 200
        (form,) = server.forms
        everywhere = f'{{source="{escaped}\\n",name="{escaped}"}}'
        selectors = re.findall(r"stratum_proxy_miner\w+(\{.*?[^\\]\"\})", form["query"], re.DOTALL)
        assert set(selectors) == {everywhere}


async def test_a_name_no_series_can_have_is_refused() -> None:
    async with history(Server(nothing)) as get:
        assert (await get(f"/api/miner/{'x' * 257}/hashrate")).status == 400
        assert (await get("/api/hashrate?source=")).status == 400


async def test_only_stats_proxy_knows_miners_by_name() -> None:
    async with history(Server(nothing), Service.POOL) as get:
        assert (await get("/api/miner/a/hashrate")).status == 404


async def test_labels_tell_this_services_series_from_others() -> None:
    server = Server(nothing)
    async with history(server, scraped_as=(("site", "=", "a"),)) as get:
        await get("/api/hashrate?source=b")
        selectors = re.findall(r"stratum\w+(\{.*?\})", server.forms[0]["query"])
        assert set(selectors) == {'{site="a",source="b"}'}


@pytest.mark.parametrize("service", Service)
def test_every_series_asked_for_is_one_that_is_exposed(service: Service) -> None:
    families = FAMILIES[service]
    texts = [known(families, Subject(), 60), hashrate(families, Subject(), 60)]
    texts.append(hashrate(families, Subject().of("downstream_id", "1"), 60))
    labels_of = {family.name: set(family.labels) for family in ALL}
    for text in texts:
        for name, matchers in re.findall(r"(stratum_\w+)\{(.*?)\}", text):
            assert set(re.findall(r"(\w+)=", matchers)) <= labels_of[name]


async def test_more_rows_than_can_be_read_are_not_read_for_a_total() -> None:
    server = Server(nothing)
    async with history(server, rows=100_000) as get:
        await get("/api/hashrate")
        assert "stratum_proxy_miner_" not in server.forms[-1]["query"]
        await get("/api/miner/a/hashrate")
        assert "stratum_proxy_miner_work" in server.forms[-1]["query"]


async def test_a_question_asked_again_or_at_once_is_asked_of_prometheus_once() -> None:
    server = Server(constantly)
    async with history(server) as get:
        first, *others = await asyncio.gather(*(get("/api/hashrate") for _ in range(20)))
        assert all(other.json == first.json for other in others)
        assert (await get("/api/hashrate")).json == first.json
        assert len(server.forms) == 1


async def test_answers_kept_are_bounded() -> None:
    server = Server(constantly)
    async with history(server) as get:
        for name in range(KEPT_ANSWERS + 1):
            await get(f"/api/miner/{name}/hashrate")
        await get(f"/api/miner/{KEPT_ANSWERS}/hashrate")
        assert len(server.forms) == KEPT_ANSWERS + 1
        await get("/api/miner/0/hashrate")
        assert len(server.forms) == KEPT_ANSWERS + 2


async def test_more_questions_at_once_than_may_be_are_told_to_come_again() -> None:
    let_go = asyncio.Event()
    full = asyncio.Event()

    async def wait(form: Form) -> bytes:
        if len(server.forms) == MAX_QUESTIONS:
            full.set()
        await let_go.wait()
        return await constantly(form)

    server = Server(wait)
    async with history(server) as get:
        asking = [
            asyncio.create_task(get(f"/api/miner/{name}/hashrate")) for name in range(MAX_QUESTIONS)
        ]
        await full.wait()
        answer = await get("/api/hashrate")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json == {"error": f"{MAX_QUESTIONS} questions to Prometheus are under way"}
        let_go.set()
        assert {done.status for done in await asyncio.gather(*asking)} == {200}
        assert (await get("/api/hashrate")).status == 200
        assert len(server.forms) == MAX_QUESTIONS + 1


async def test_a_server_that_hangs_holds_a_place_no_longer_than_the_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)

    end = asyncio.Event()

    async def hang(_form: Form) -> bytes:
        await end.wait()
        return b""

    server = Server(hang)
    async with history(server) as get:
        for _ in range(3):
            paths = [f"/api/miner/{name}/hashrate" for name in range(MAX_QUESTIONS)]
            for answer in await asyncio.gather(*map(get, paths)):
                assert answer.status == 503
                assert answer.json == {"error": "Prometheus did not answer within 0.2 s"}
        server.answer = constantly
        monkeypatch.setattr(client, "ANSWER_SECONDS", 60)
        assert (await get("/api/hashrate")).status == 200
        end.set()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("200 OK", b"<html>", "Prometheus answered 200, and not as Prometheus does"),
        ("200 OK", b'{"status": "success", "data": {"result": [{"values": [[1, "x"]]}]}}', None),
        ("200 OK", b"[" * 900_000, "Prometheus answered 200, and not as Prometheus does"),
        ("302 Found", b"", "Prometheus answered 302, and not as Prometheus does"),
        (
            "422 Unprocessable Entity",
            b'{"status": "error", "errorType": "execution", "error": "too many samples"}',
            "Prometheus answered 422: too many samples",
        ),
        ("200 OK", b" " * (MAX_ANSWER_BYTES + 1), "Prometheus answered over 1048576 bytes"),
    ],
)
async def test_what_is_no_answer_is_a_503_that_says_why(
    status: str, body: bytes, error: str | None
) -> None:
    async def bad(_form: Form) -> bytes:
        return body

    server = Server(bad, status)
    async with history(server) as get:
        for _ in range(2):
            answer = await get("/api/hashrate")
            assert answer.status == 503
            assert answer.json["error"] == (
                error or "Prometheus answered 200, and not as Prometheus does"
            )
        assert len(server.forms) == 2, "a failure is not kept"


async def test_nobody_there_is_a_503_that_says_so() -> None:
    gone = client.Prometheus("http://127.0.0.1:1")
    async with gone:
        with pytest.raises(PrometheusError, match=r"cannot be asked: Connect call failed"):
            await gone.ask(client.Question(expression="1", start=0, end=60, step=60))


async def test_a_stopping_service_fails_its_questions_at_once() -> None:
    asked, end = asyncio.Event(), asyncio.Event()

    async def hang(_form: Form) -> bytes:
        asked.set()
        await end.wait()
        return b""

    listening = await asyncio.start_server(Server(hang).serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    question = client.Question(expression="1", start=0, end=60, step=60)
    async with listening, client.Prometheus(f"http://127.0.0.1:{port}") as prometheus:
        asking = asyncio.create_task(prometheus.ask(question))
        await asked.wait()
        prometheus.stop()
        for one in (asking, prometheus.ask(question)):
            with pytest.raises(PrometheusError, match=r"^the service is stopping$"):
                await one
        end.set()


async def test_neither_a_proxy_nor_a_password_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = Server(nothing)
    async with history(server) as get:
        assert (await get("/api/hashrate")).status == 200
    assert "authorization" not in server.heads[0].lower()


async def test_without_an_address_it_is_a_503_that_says_which_setting() -> None:
    endpoints = HistoryEndpoints(service=Service.PROXY, history=None, clock=lambda: at(0))
    async with serving_routes(endpoints.routes()) as get:
        answer = await get("/api/hashrate")
        assert answer.status == 503
        assert answer.json == {"error": "history needs Prometheus: set history.prometheus_url"}


async def test_authorization_is_read_anew_for_each_question_and_is_in_no_error(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    server = Server(nothing)
    async with history(server, path="/select/0/prometheus", authorization_file=file) as get:
        for number, text in enumerate(("Bearer one\n", "Basic dHdv")):
            file.write_text(text)
            await get(f"/api/miner/{number}/hashrate")
            assert f"authorization: {text.strip()}\r\n" in server.heads[-1].replace("Auth", "auth")
            assert server.heads[-1].startswith("POST /select/0/prometheus/api/v1/query_range ")
        for secret in ("Bearer se\ncret", "Bearer secré", ""):
            file.write_text(secret)
            answer = await get("/api/hashrate")
            assert answer.status == 503
            assert "secr" not in answer.json["error"]
        file.unlink()
        assert (await get("/api/hashrate")).status == 503


@pytest.mark.parametrize(
    "text",
    ["http://localhost:9090", "https://vm.example/select/0/prometheus/", "http://[::1]:9090"],
)
def test_an_address_is_a_url_with_or_without_a_path(text: str) -> None:
    assert parse_url(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "localhost:9090",
        "ftp://a",
        "http://",
        "http://a:0",
        "http://a:x",
        "http://a?b=c",
        "http://a#b",
        "http://a b",
        "http://é",
        "",
    ],
)
def test_any_other_address_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be http://HOST"):
        parse_url(text)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"history\.authorization_file") as refused:
        parse_url("http://user:secret@localhost:9090")
    assert "secret" not in str(refused.value)
