"""What is exposed, held against Prometheus's own linter and its two parsers."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporters.exposition.families import ALL
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.prometheus import scraping
from tests.e2e.harness.rows import (
    full_connection_snapshot,
    full_miner_snapshot,
    miner,
    wallet_events,
)
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import GZIP, OPENMETRICS, TEXT, Service, client
from tests.e2e.harness.wire import connected
from tests.support.programs import program
from tests.support.until import until

pytestmark = pytest.mark.slow

NASTY_NAMES = (
    'quote"backslash\\brace}',
    "new\nline\r\x00control",
    "ünïcödé 矿工 ⛏",
    "x" * 500,
    " # HELP spaces ",
    "",
    "%s {name}",
)


@pytest.fixture
def fed_proxy(proxy: Service) -> Iterator[Service]:
    """stats-proxy with every family filled, and every kind of name."""
    with connected(proxy.ingest) as sender:
        sender.hello('translator "1" \\ %d')
        rows = [miner(number, name) for number, name in enumerate(NASTY_NAMES)]
        sender.say(full_miner_snapshot(rows))
        proxy.scrape_until(Scrape.names)
        yield proxy


@pytest.fixture
def fed_pool(pool: Service) -> Iterator[Service]:
    """stats-pool with every family filled."""
    with connected(pool.ingest) as sender:
        sender.hello('pool "1" \\ %d')
        sender.say(full_connection_snapshot(), *wallet_events())
        pool.scrape_until(Scrape.sources)
        yield pool


@pytest.fixture(params=["fed_proxy", "fed_pool"])
def fed(request: pytest.FixtureRequest) -> Service:
    """Either of them."""
    service = request.getfixturevalue(request.param)
    assert isinstance(service, Service)
    return service


def test_promtool_finds_nothing_to_mend(fed: Service) -> None:
    exposed = fed.get("/metrics", TEXT).body
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=exposed, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_family_is_exposed_with_help_and_type_and_every_one_of_them_has_samples(
    fed: Service,
) -> None:
    own = "stratum_pool_" if fed.kind == "pool" else "stratum_proxy_"
    scrape = fed.scrape()
    families = [family for family in ALL if family.name.startswith((own, "stats_gateway_"))]
    for family in families:
        assert f"# HELP {family.name} {family.help}\n" in scrape.text
        assert f"# TYPE {family.name} {family.kind}\n" in scrape.text
        suffix = "_count" if family.kind == "histogram" else ""
        samples = scrape.find(family.name + suffix)
        assert samples, family.name
        assert {label for sample in samples for label in sample.labels} == set(family.labels)


def test_text_and_openmetrics_compressed_or_not_say_the_same(fed: Service) -> None:
    stories = [
        fed.scrape(headers).story()
        for headers in (TEXT, OPENMETRICS, TEXT | GZIP, OPENMETRICS | GZIP)
    ]
    assert stories[0]
    assert all(story == stories[0] for story in stories)


def test_prometheus_reads_every_sample_in_both_formats(fed: Service, tmp_path: Path) -> None:
    """Left to itself it asks for OpenMetrics; through the relay it gets the text format."""
    with relay_for_text(fed.web) as text, scraping(tmp_path, {"om": fed.web, "text": text}) as own:
        for job in ("om", "text"):
            until(partial(own.scrapes, job), what=job)
            assert own.scrape_error(job) == ""
            when = own.scrapes(job)[0]
            stored = own.value(f'scrape_samples_scraped{{job="{job}"}}', when)
            scrape = fed.scrape()
            assert stored == sum(map(len, scrape.samples.values()))
            for name in ("stratum_proxy_miner_info", "stratum_pool_connection_info"):
                labels = [sample.labels for sample in own.query(f'{name}{{job="{job}"}}', when)]
                assert sorted(map(row, labels)) == sorted(
                    row(sample.labels) for sample in scrape.find(name)
                )


def row(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A row's own labels; one with an empty value is to Prometheus as none."""
    added = {"__name__", "instance", "job"}
    return tuple(sorted((k, v) for k, v in labels.items() if k not in added and v))


@contextmanager
def relay_for_text(port: int) -> Iterator[int]:
    """A port where `/metrics` is that of `port`, asked for in the text format and nothing else."""

    class Relay(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with client(port) as service:
                answer = service.get(self.path, TEXT)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((LOOPBACK, 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
