"""History, alerts and the look of the pages: in Chromium, with a real Prometheus behind them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.browser import Browser
from tests.e2e.harness.past import write_blocks
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.prometheus import Prometheus, scraping
from tests.e2e.harness.rows import (
    NOON,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
)
from tests.e2e.harness.service import Kind, Service
from tests.e2e.harness.wire import connected
from tests.support.until import until

pytestmark = pytest.mark.slow

AXE = Path(__file__).parent / "axe" / "axe.min.js"
AXE_4_14_1 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""SHA-256 of axe.min.js in `npm pack axe-core@4.14.1`."""

STEP = 300
HOURS = 25
RIG = "rig/1"
TERA = 1e12
JOB = 'job="stats-proxy",instance="a",source="translator-1"'
POOL_JOB = 'job="stats-pool",instance="b",source="pool-1"'
CONNECTION = f'{POOL_JOB},downstream_id="7",connection_type="Translator"'
HASHRATE = "stratum_proxy_hashrate_hashes_per_second"
OF_CONNECTION = "stratum_pool_connection_hashrate_hashes_per_second"
LINES = {
    f"source:{HASHRATE}:avg5m": {JOB: 300 * TERA},
    HASHRATE: {JOB: 310 * TERA},
    f"source_name:{HASHRATE}:avg5m": {f'{JOB},name="{RIG}"': 100 * TERA},
    f"source_name:{HASHRATE}:avg1h": {f'{JOB},name="{RIG}"': 100 * TERA},
    "source:stratum_proxy_miner_shares_submitted:rate5m": {JOB: 2.0},
    "source_reason:stratum_proxy_shares_rejected:rate5m": {
        f'{JOB},reason="stale"': 0.5,
        f'{JOB},reason="duplicate"': 0.0,
    },
    "stratum_proxy_miners": {f'{JOB},state="active"': 3.0},
    f"source_downstream:{OF_CONNECTION}:avg5m": {f'{CONNECTION},name="t"': 50 * TERA},
    OF_CONNECTION: {CONNECTION: 60 * TERA},
}
"""What Prometheus has recorded in the last hours, always the same."""

ALERTS: list[dict[str, object]] = [
    {
        "alert": "StratumProxyMinerIdle",
        "expr": "vector(1)",
        "labels": {"severity": "warning", "source": "translator-1", "name": RIG},
        "annotations": {"summary": "A miner is idle.", "description": "First look at it."},
    },
    {
        "alert": "StratumPoolNoTranslator",
        "expr": "vector(1)",
        "labels": {"severity": "critical", "source": "pool-1"},
        "annotations": {"summary": "Nobody mines.", "description": "First look at the network."},
    },
    {"alert": "StatsGatewayWatchdog", "expr": "vector(1)", "labels": {"severity": "none"}},
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    times = range(now - HOURS * 3600, now, 60)
    # A quarter of an hour in which Prometheus was away.
    gap = range(now - 7200, now - 6300)
    samples = {
        name: [
            (labels, when, value)
            for when in times
            if when not in gap
            for labels, value in of.items()
        ]
        for name, of in LINES.items()
    }
    write_blocks(folder, samples)
    with scraping(folder, {}, ALERTS) as running:
        yield running


@contextmanager
def asking(kind: Kind, prometheus: Prometheus) -> Iterator[Service]:
    with Service(kind, f"--history.prometheus-url=http://{LOOPBACK}:{prometheus.port}") as service:
        yield service


@pytest.fixture
def farm(prometheus: Prometheus) -> Iterator[Service]:
    """A translator with three miners."""
    with asking("proxy", prometheus) as service, connected(service.ingest) as sender:
        sender.hello("translator-1", 600.0)
        sender.say(miner_snapshot([miner(number, f"rig/{number}") for number in (1, 2, 3)]))
        until(lambda: service.downstreams() == {"translator-1": 3})
        yield service


def url(service: Service, path: str = "") -> str:
    return f"http://{LOOPBACK}:{service.web}/{path}"


def charts(browser: Browser) -> dict[str, str]:
    """The charts by title, each with its legend."""
    found = browser.run(
        "[...document.querySelectorAll('#history figure')].map((one) =>"
        " [one.querySelector('h3').innerText, one.querySelector('.legend').innerText])"
    )
    return {title: " ".join(legend.split()) for title, legend in found}


def test_the_page_draws_what_prometheus_has_recorded(farm: Service, browser: Browser) -> None:
    browser.open(url(farm))
    browser.wait_for(lambda: len(charts(browser)) == 4, "the charts")
    assert charts(browser) == {
        "Hashrate": "measured 300 TH/s declared 310 TH/s",
        "Shares a minute": "accepted 120",
        "Rejected a minute, by reason": "stale 30",
        "Miners by state": "active 3",
    }
    stale = (
        "[...document.querySelectorAll('.legend li')].find((one) => one.innerText.match('stale'))"
    )
    tone = browser.run(f"{stale}.dataset.tone")
    assert tone == "third", "the same colour, whichever reasons are shown beside it"
    assert browser.run("document.querySelectorAll('#history canvas').length") == 4
    bottom = "getBoundingClientRect().bottom"
    below = f"(one) => one.{bottom} - one.querySelector('canvas').{bottom}"
    gaps = f"[...document.querySelectorAll('#history figure')].map({below})"
    assert max(browser.run(gaps)) < 15, "nothing but a margin is below a chart"
    sparkline = "document.querySelector('#rows tbody tr:not(.space) .sparkline path')"
    browser.wait_for(lambda: browser.run(f"{sparkline}.getAttribute('d')"), "a sparkline")
    browser.run_click("[data-range='1h']")
    browser.wait_for(lambda: browser.run("location.hash") == "#1h", "the other range")
    browser.wait_for(lambda: "measured 300 TH/s" in charts(browser)["Hashrate"], "its charts")


def test_arrow_keys_say_the_values_of_other_times(farm: Service, browser: Browser) -> None:
    browser.open(url(farm))
    browser.wait_for(lambda: charts(browser), "the charts")
    plot = "document.querySelector('.plot')"
    browser.run(f"{plot}.focus()")
    newest = browser.run(f"{plot}.ariaLabel")
    assert "measured 300 TH/s, declared 310 TH/s" in newest
    for key in ("ArrowLeft", "ArrowLeft"):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
    browser.wait_for(lambda: browser.run(f"{plot}.ariaLabel") != newest, "an earlier time")
    assert browser.text(".moment")


FIT = "[...document.querySelectorAll('.scroll')].every((one) => one.scrollWidth <= one.clientWidth)"
WIDE = {
    "agent": "a firmware with a long name/2024.11.01",
    "address": "192.0.2.200:44444",
    "shares_submitted": 1_234_567,
    "shares_rejected": 12_345,
    "last_share_at": NOON - 5000,
}
"""What makes for wide columns, and for all of them."""


def test_all_columns_fit_into_the_window_of_a_laptop(
    prometheus: Prometheus, browser: Browser
) -> None:
    look(browser, 1280, dark=False)
    name = "farm-1.antminer-s21-001"
    rows = [miner(9_999, name, difficulty=524_288.0, **WIDE)]
    told = WIDE | {"name": "job-declarator-1", "quotes_created": 204, "ehash_mined": 2_979_545}
    with (
        asking("proxy", prometheus) as proxy,
        connected(proxy.ingest) as translator,
        asking("pool", prometheus) as pool,
        connected(pool.ingest) as sender,
    ):
        translator.hello("translator-1", 600.0)
        translator.say(miner_snapshot(rows))
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(1) == [name], "the row")
        assert browser.text("#rows thead").split()[-1] == "ID"
        assert browser.run(FIT)
        title = "document.querySelector('#rows td:nth-last-child(2)').title"
        assert browser.run(title) == WIDE["agent"], "what is cut can be read"
        sender.hello("pool-1", 600.0)
        sender.say(
            connection_snapshot([connection(99, "Job Declarator", **told | {"agent": None})])
        )
        browser.open(url(pool))
        browser.wait_for(lambda: browser.column(1) == ["Job Declarator"], "the row")
        assert browser.run(FIT)
        browser.open("about:blank")  # which asks for nothing while the services stop


def test_a_miner_and_a_connection_have_charts_of_their_own(
    farm: Service, prometheus: Prometheus, browser: Browser
) -> None:
    browser.open(url(farm, "miner/rig%2F1"))
    browser.wait_for(lambda: charts(browser), "the charts")
    assert charts(browser) == {"Hashrate": "measured 100 TH/s"}
    row = connection(7, "Translator", name="t", hashrate=60 * TERA)
    with asking("pool", prometheus) as pool, connected(pool.ingest) as sender:
        sender.hello("pool-1", 600.0)
        sender.say(connection_snapshot([row]))
        until(lambda: pool.downstreams() == {"pool-1": 1})
        browser.open(url(pool, "connection/7?source=pool-1"))
        browser.wait_for(lambda: charts(browser), "the charts")
        assert charts(browser) == {"Hashrate": "measured 50.0 TH/s declared 60.0 TH/s"}
        assert "Translator t, 60.0 TH/s at pool-1." in browser.text(".headline")
        # Its sender has reconnected, and the name is still known.
        sender.say(connection_snapshot([connection(8, "Translator", name="t")]))
        browser.open(url(pool))
        drawn = "document.querySelector('#rows .sparkline path')?.getAttribute('d')"
        browser.wait_for(lambda: browser.run(drawn), "the sparkline of the name")


def test_a_firing_alert_leads_to_its_entry_in_the_runbook(farm: Service, browser: Browser) -> None:
    browser.open(url(farm))
    browser.wait_for(lambda: browser.text("#alerts h2") == "1 alert is firing", "the alert")
    assert "warning" in browser.text("#alerts li")
    assert "A miner is idle." in browser.text("#alerts li")
    assert f"name {RIG}, source translator-1" in browser.text("#alerts li")
    miner_page = "document.querySelector('#alerts .details bdi').closest('a').pathname"
    assert browser.run(miner_page) == "/miner/rig%2F1"
    browser.run_click("#alerts a")
    browser.wait_for(lambda: browser.text("h1") == "Runbook", "the runbook")
    entry = "document.querySelector(location.hash)"
    assert browser.run(f"{entry}.innerText") == "StratumProxyMinerIdle"
    # The browser goes there a moment after it has shown the page.
    top = f"{entry}.getBoundingClientRect().top"
    browser.wait_for(lambda: browser.run(top) < 100, "the entry at the top")


def test_the_headline_says_what_fires_amber_for_a_warning_and_red_where_that_is_critical(
    farm: Service, prometheus: Prometheus, browser: Browser
) -> None:
    headline = "getComputedStyle(document.querySelector('.headline').parentNode).backgroundColor"
    browser.open(url(farm))
    browser.wait_for(lambda: " 1 alert is firing." in browser.text(".headline"), "the warning")
    warning = browser.run(headline)
    assert "%23e80" in browser.run("document.querySelector('link[rel=icon]').href")
    browser.run("document.querySelector('.state').classList.remove('warning')")
    good = browser.run(headline)
    row = connection(7, "Translator", name="t")
    with asking("pool", prometheus) as pool, connected(pool.ingest) as sender:
        sender.hello("pool-1", 600.0)
        sender.say(connection_snapshot([row]))
        until(lambda: pool.downstreams() == {"pool-1": 1})
        browser.open(url(pool))
        said = " 1 critical alert is firing."
        browser.wait_for(lambda: said in browser.text(".headline"), "the critical one")
        bad = browser.run(headline)
        # What the server sends every 5 s changes nothing about that.
        moment = browser.run("document.querySelector('#summary').dataset.moment")
        sender.say(connection_snapshot([row, connection(8, "Mint")]))
        browser.wait_for(
            lambda: browser.run("document.querySelector('#summary').dataset.moment") != moment,
            "the next snapshot",
        )
        assert said in browser.text(".headline")
        assert browser.run(headline) == bad
        assert "%23d22" in browser.run("document.querySelector('link[rel=icon]').href")
        browser.open("about:blank")
    assert len({good, warning, bad, "rgba(0, 0, 0, 0)"}) == 4


def test_without_prometheus_the_page_is_a_table_and_says_why(browser: Browser) -> None:
    with (
        Service("proxy", f"--history.prometheus-url=http://{LOOPBACK}:1") as service,
        connected(service.ingest) as sender,
    ):
        sender.hello("translator-1", 600.0)
        sender.say(miner_snapshot([miner(1, "a")]))
        browser.open(url(service))
        browser.wait_for(lambda: browser.text("#history-problem"), "the reason")
        assert "Prometheus cannot be asked" in browser.text("#history-problem")
        browser.wait_for(lambda: browser.column(1) == ["a"], "the table")
        assert not browser.text("#unreachable")
        browser.open("about:blank")  # else it asks once more when the service has gone
    assert all("503" in one for one in browser.complaints)
    browser.complaints.clear()


def test_axe_is_the_file_of_npm_that_the_version_names() -> None:
    assert sha256(AXE.read_bytes()).hexdigest() == AXE_4_14_1


def violations(browser: Browser) -> list[Any]:
    """What axe-core finds wrong by the rules of WCAG 2.2, levels A and AA."""
    # Not as a script of the page, which its policy forbids.
    browser.call("Runtime.evaluate", expression=AXE.read_text() + ";0")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    told = "({id, nodes}) => [id, nodes.map(({html, failureSummary: why}) => [html, why])]"
    found = browser.call(
        "Runtime.evaluate",
        expression=f"axe.run({{runOnly: {json.dumps(rules)}}})"
        f".then(({{violations}}) => violations.map({told}))",
        awaitPromise=True,
        returnByValue=True,
    )
    assert "exceptionDetails" not in found, found
    return list(found["result"]["value"])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["", "miner/rig%2F1", "runbook", "api"])
def test_everyone_can_read_and_use_the_pages(
    farm: Service, browser: Browser, path: str, width: int, dark: bool
) -> None:
    look(browser, width, dark=dark)
    browser.open(url(farm, path))
    if path not in ("runbook", "api"):
        browser.wait_for(lambda: charts(browser), "the charts")
        browser.wait_for(lambda: browser.text("#alerts"), "the alerts")
    browser.wait_for(lambda: browser.text("h1"), "the page")
    assert violations(browser) == []
    assert browser.run("document.documentElement.scrollWidth") <= width, "nothing is cut off"


def look(browser: Browser, width: int, *, dark: bool) -> None:
    """A screen of that width, in one of both colour schemes."""
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=844,
        deviceScaleFactor=1,
        mobile=width < 500,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
