import zlib
from urllib.parse import quote

import pytest

from exporters.exposition.body import EVERYTHING
from exporters.exposition.text_format import Format
from stats_gateway.wire.services import Service
from tests.support.expositions import Samples, samples
from tests.support.senders import at
from tests.support.snapshots import (
    NOW,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
)
from tests.support.web import Web, serving

Headers = dict[str, str]

OPENMETRICS: Headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
GZIP: Headers = {"Accept-Encoding": "gzip"}
UP = "stats_gateway_source_up"
EVERYWHERE = ["/metrics", "/", "/api/stats", "/api/hashrate", "/health", "/-/healthy", "/-/ready"]


async def tell(web: Web) -> None:
    """Two sources of one row each."""
    snapshots = {
        Service.PROXY: miner_snapshot(miner(1)),
        Service.POOL: connection_snapshot(connection(1)),
    }
    for number, name in enumerate(("a", "b")):
        web.senders.hello(number, name)
        web.senders.send(number, snapshots[web.senders.store.service])
    await web.published()


async def test_metrics_are_there_from_the_start_and_before_any_source() -> None:
    async with serving() as web:
        answer = await web.ask("/metrics")
        assert answer.status == 200
        found = samples(answer.body)
        assert found["stats_gateway_connections", ()] == 0
        assert not [name for name, _ in found if name == UP]


@pytest.mark.parametrize("service", Service)
async def test_metrics_are_in_the_format_and_encoding_that_was_asked_for(service: Service) -> None:
    async with serving(service) as web:
        await tell(web)
        for headers, format_ in (({}, Format.TEXT), (OPENMETRICS, Format.OPENMETRICS)):
            plain = await web.ask("/metrics", headers=headers)
            zipped = await web.ask("/metrics", headers=headers | GZIP)
            assert plain.headers["content-type"] == zipped.headers["content-type"] == format_.value
            assert zipped.headers["content-encoding"] == "gzip"
            assert plain.headers["content-encoding"] is None
            assert plain.headers["vary"] == "Accept, Accept-Encoding"
            member = zlib.decompressobj(31)
            first, second = (
                about_sources(body, format_)
                for body in (plain.body, member.decompress(zipped.body))
            )
            assert first == second
            assert member.eof
            assert member.unused_data == b"", "one member: some clients stop after the first"
            assert first[UP, (("source", "a"),)] == 1


def about_sources(body: bytes, format_: Format) -> Samples:
    """What does not change from one scrape to the next."""
    return {
        key: value for key, value in samples(body, format_).items() if dict(key[1]).get("source")
    }


async def test_metrics_can_be_narrowed_by_names_and_source() -> None:
    async with serving() as web:
        await tell(web)
        answer = await web.ask(f"/metrics?name[]={UP}&name[]=stats_gateway_connections&source=a")
        assert samples(answer.body) == {
            (UP, (("source", "a"),)): 1,
            ("stats_gateway_connections", ()): 0,
        }
        nothing = await web.ask("/metrics?name[]=unheard", headers=OPENMETRICS)
        assert (nothing.status, nothing.body) == (200, b"# EOF\n")


async def test_an_unchanged_exposition_is_compressed_once_for_all_who_ask() -> None:
    async with serving() as web:
        await tell(web)
        await web.ask("/metrics", headers=GZIP)
        everything = await web.publisher.body(EVERYTHING, Format.TEXT)
        await web.ask("/metrics", headers=GZIP)
        assert await web.publisher.body(EVERYTHING, Format.TEXT) is everything


async def test_head_is_get_without_a_body() -> None:
    async with serving() as web:
        for path in EVERYWHERE:
            get, head = await web.ask(path), await web.ask(path, "HEAD")
            assert (head.status, head.body) == (get.status, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
            # The service's own metrics change from one scrape to the next.
            if path != "/metrics":
                assert head.headers["content-length"] == str(len(get.body))


async def test_other_methods_are_not_allowed_and_told_which_are() -> None:
    async with serving() as web:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for path in ("/metrics", "/", "/api/miners"):
                answer = await web.ask(path, method)
                assert (answer.status, answer.json) == (405, {"error": "Method Not Allowed"})
                assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_an_unknown_path_is_an_error_in_json() -> None:
    async with serving() as web:
        for path in ("/nothing", "/api/nothing", "/api/connections", "/api/downstream/x/hashrate"):
            answer = await web.ask(path)
            assert (answer.status, answer.json) == (404, {"error": "Not Found"})


async def test_many_requests_go_over_one_connection() -> None:
    async with serving() as web:
        await web.ask("/health")
        socket = web.connection.sock
        for path in EVERYWHERE:
            await web.ask(path)
        assert web.connection.sock is socket


async def test_a_list_comes_whole_or_in_pages_with_its_total() -> None:
    async with serving() as web:
        web.senders.hello(1, "a")
        web.senders.send(1, miner_snapshot(*(miner(id_, name="n") for id_ in range(5))))
        whole = (await web.ask("/api/miners")).json
        assert set(whole) == {"miners"}
        assert [row["id"] for row in whole["miners"]] == [0, 1, 2, 3, 4]
        page = (await web.ask("/api/miners?offset=1&limit=2")).json
        assert [row["id"] for row in page["miners"]] == [1, 2]
        assert page["total"] == 5
        assert (await web.ask("/api/miners?offset=99")).json == {"miners": [], "total": 5}


async def test_a_page_that_cannot_be_is_a_bad_request() -> None:
    async with serving() as web:
        for query in (
            "limit=-1",
            "offset=x",
            "limit=1.5",
            "limit=",
            "offset=٣",
            "limit=" + "9" * 99,
        ):
            answer = await web.ask(f"/api/miners?{quote(query, safe='=')}")
            assert answer.status == 400, query
            assert answer.json["error"].startswith(query.partition("=")[0])


async def test_a_pool_lists_connections_and_services() -> None:
    async with serving(Service.POOL) as web:
        web.senders.hello(1, "a")
        web.senders.send(1, connection_snapshot(connection(1), listen_address="h:1"))
        (row,) = (await web.ask("/api/connections")).json["connections"]
        assert (row["id"], row["channels"], row["source"]) == (1, [1, 2], "a")
        services = [{"source": "a", "service_type": "Pool", "address": "h:1"}]
        assert (await web.ask("/api/services")).json == {"services": services}
        assert (await web.ask("/api/miners")).status == 404


async def test_health_is_unavailable_while_no_source_is_fresh() -> None:
    async with serving() as web:
        never = await web.ask("/health")
        assert (never.status, never.json["healthy"], never.json["stale"]) == (503, False, False)
        await tell(web)
        fresh = await web.ask("/health")
        assert (fresh.status, fresh.json["healthy"], fresh.json["stale"]) == (200, True, False)
        web.senders.pass_time(30)
        stale = await web.ask("/health")
        assert (stale.status, stale.json["healthy"], stale.json["stale"]) == (503, False, True)


async def test_statistics_tell_never_and_empty_and_stale_apart() -> None:
    async with serving() as web:
        assert (await web.ask("/api/stats")).json["sources"] == []
        web.senders.hello(1, "a")
        web.senders.send(1, miner_snapshot())
        (empty,) = (await web.ask("/api/stats")).json["sources"]
        assert (empty["up"], empty["downstreams"]) == (True, 0)
        web.senders.pass_time(30)
        web.now = at(31)
        (stale,) = (await web.ask("/api/stats")).json["sources"]
        assert (stale["up"], stale["downstreams"], stale["age_seconds"]) == (False, None, 31.0)
        assert stale["snapshot_timestamp"] == stale["received_timestamp"] == NOW


async def test_counts_beyond_64_bits_add_up_in_the_totals() -> None:
    async with serving() as web:
        web.senders.hello(1, "a")
        largest = 2**64 - 1
        rows = (miner(id_, shares_submitted=largest) for id_ in range(2))
        web.senders.send(1, miner_snapshot(*rows))
        totals = (await web.ask("/api/stats")).json["totals"]
        assert totals["shares_submitted"] == 2 * largest


async def test_history_without_a_prometheus_is_unavailable_and_says_so() -> None:
    async with serving() as web:
        for path in ("/api/hashrate", "/api/downstream/7/hashrate?from=1&to=2"):
            answer = await web.ask(path)
            assert answer.status == 503
            assert "Prometheus" in answer.json["error"]


async def test_probes_answer_as_prometheus_does() -> None:
    async with serving() as web:
        assert (await web.ask("/-/healthy")).body == b"stats-proxy is Healthy.\n"
        assert (await web.ask("/-/ready")).body == b"stats-proxy is Ready.\n"


async def test_the_page_is_html() -> None:
    async with serving() as web:
        page = await web.ask("/")
        assert page.headers["content-type"].startswith("text/html")
        assert b"stats-proxy" in page.body
