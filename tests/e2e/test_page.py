"""The status page as people see it: in Chromium, over a real service with real senders."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exporters.endpoints.page.text.units import UNKNOWN, duration_text, hashrate_text
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import full_connection_snapshot, miner, miner_snapshot
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import Message, connected
from tests.support.until import until

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@contextmanager
def telling(
    service: Service, snapshot: Message, source: str = "translator-1", interval: float = 600.0
) -> Iterator[None]:
    """A sender that says `snapshot` once, and is connected until the end of the block."""
    with connected(service.ingest) as sender:
        sender.hello(source, interval)
        sender.say(snapshot)
        yield


def url(service: Service) -> str:
    return f"http://{LOOPBACK}:{service.web}/"


def state(browser: Browser) -> str:
    return str(browser.run("document.getElementById('summary')?.dataset.state"))


NAME, HASHRATE, SHARES, REJECTED, DIFFICULTY, CONNECTED, SOURCE = 1, 3, 5, 6, 7, 8, 10


def test_never_and_fresh_and_down_and_empty_follow_each_other_without_a_reload(
    proxy: Service, browser: Browser
) -> None:
    browser.open(url(proxy))
    browser.wait_for(lambda: state(browser) == "never", "never")
    assert "snapshots over TCP" in browser.text(".state")
    browser.run("window.untouched = true")

    rows = [miner(1, "a"), miner(2, "b")]
    with telling(proxy, miner_snapshot(rows), "one"):
        browser.wait_for(lambda: browser.column(NAME) == ["a", "b"], "both rows")
        assert state(browser) == "fresh"
        with telling(proxy, miner_snapshot([miner(3, "c")]), "two", interval=1.0):
            browser.wait_for(lambda: state(browser) == "partly", "one source down")
        assert "nothing heard from two" in browser.text(".state")
        assert browser.column(NAME) == ["a", "b"]
    browser.wait_for(lambda: state(browser) == "down", "both down")
    assert browser.column(NAME) == []
    assert browser.text(".totals .value") == UNKNOWN, "it is not 0"

    with telling(proxy, miner_snapshot([]), "one"), telling(proxy, miner_snapshot([]), "two"):
        browser.wait_for(lambda: state(browser) == "empty", "empty")
    assert browser.text(".totals .value") == "0"
    assert browser.run("window.untouched") is True


def test_what_peers_choose_is_shown_as_text_and_breaks_nothing(
    proxy: Service, browser: Browser
) -> None:
    beyond = {"connected_at": 2**63 - 1, "last_share_at": -(2**63), "hashrate": 1e308}
    with telling(proxy, miner_snapshot([miner(1, HOSTILE, **beyond)]), HOSTILE):
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(NAME) == [HOSTILE], "its name")
    assert browser.column(SOURCE) == [HOSTILE]
    assert browser.text("#sources tbody th") == HOSTILE
    assert browser.run("document.querySelectorAll('main img').length") == 0
    assert "owned" not in browser.run("document.title")
    assert browser.text("#unreachable") == ""


def test_rows_are_sorted_by_mouse_and_keyboard_and_filtered(
    proxy: Service, browser: Browser
) -> None:
    rates: dict[str, float] = {"rig-10": 2e12, "rig-9": 3e15, "rig-1": math.nan, "x": 5e13}
    rows = [miner(number, name, hashrate=rate) for number, (name, rate) in enumerate(rates.items())]
    with telling(proxy, miner_snapshot(rows)):
        browser.open(url(proxy))
        browser.wait_for(lambda: len(browser.column(NAME)) == len(rows), "the rows")

    click(browser, HASHRATE)
    assert browser.column(NAME) == ["rig-9", "x", "rig-10", "rig-1"]
    assert browser.column(HASHRATE) == ["3.00 PH/s", "50.0 TH/s", "2.00 TH/s", UNKNOWN]
    assert sorting(browser, HASHRATE) == "descending"
    press_enter(browser)
    assert browser.column(NAME) == ["rig-10", "x", "rig-9", "rig-1"], "unknown is last either way"
    assert sorting(browser, HASHRATE) == "ascending"
    click(browser, NAME)
    assert browser.column(NAME) == ["rig-1", "rig-9", "rig-10", "x"], "numbers as numbers"
    assert (sorting(browser, NAME), sorting(browser, HASHRATE)) == ("ascending", None)

    browser.run("document.getElementById('filter').focus()")
    browser.call("Input.insertText", text="RIG-1")
    assert browser.column(NAME) == ["rig-1", "rig-10"]
    assert browser.text("#shown") == "2 of 4 rows"


def click(browser: Browser, column: int) -> None:
    """On the heading of that column, which has the focus then."""
    button = f"document.querySelector('#rows th:nth-child({column}) button')"
    browser.run(f"{button}.scrollIntoView()")
    box = browser.run(f"{button}.getBoundingClientRect().toJSON()")
    place = {"x": box["x"] + 5, "y": box["y"] + 5, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, **place)


def press_enter(browser: Browser) -> None:
    key = {"key": "Enter", "windowsVirtualKeyCode": 13}
    browser.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
    browser.call("Input.dispatchKeyEvent", type="keyUp", **key)


def sorting(browser: Browser, column: int) -> object:
    """What assistive technology is told."""
    heading = f"document.querySelector('#rows th:nth-child({column})')"
    return browser.run(f"{heading}.getAttribute('aria-sort')")


def test_the_script_writes_numbers_as_the_server_does(proxy: Service, browser: Browser) -> None:
    rates = [0.0, 0.001, 7.0, 12.34, 999.4, 999.6, 1.5e14, 9.996e17, 3e30, 1e40]
    # Half a smaller unit off, so that the time this takes changes nothing.
    ages = [90.0 + 3600, 86399.0 + 1800, 5 * 86400.0 + 1800, 400 * 86400.0 + 1800, *[5430.0] * 6]
    now = time.time()
    rows = [
        miner(number, "a", hashrate=rate, connected_at=int(now - age), shares_rejected=14)
        for number, (rate, age) in enumerate(zip(rates, ages, strict=True))
    ]
    with telling(proxy, miner_snapshot(rows)):
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(HASHRATE), "the rows")
    assert browser.column(HASHRATE) == [hashrate_text(rate) for rate in rates]
    assert browser.column(CONNECTED) == [duration_text(age) for age in ages]
    assert set(browser.column(REJECTED)) == {"25.00 %"}


def test_what_few_senders_tell_has_a_column_once_any_row_has_it(
    proxy: Service, browser: Browser
) -> None:
    heading = f"document.querySelector('#rows th:nth-child({DIFFICULTY})')"
    plain = {"downstream_id": 1, "name": "a"}
    full = {"downstream_id": 2, "name": "b", "difficulty": 512.0, "shares_submitted": 3}
    full |= {"shares_rejected_by": {"low_difficulty": 1}}
    with telling(proxy, miner_snapshot([plain])):
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(NAME) == ["a"], "the row")
        assert browser.run(f"{heading}.hidden") is True
    for column in (HASHRATE, SHARES, REJECTED, CONNECTED):
        assert browser.column(column) == [UNKNOWN]
    with telling(proxy, miner_snapshot([plain, full])):
        browser.wait_for(lambda: browser.column(NAME) == ["a", "b"], "both rows")
    assert browser.run(f"{heading}.hidden") is False
    assert browser.column(DIFFICULTY) == [UNKNOWN, "512"]
    assert browser.column(REJECTED) == [UNKNOWN, "25.00 %"]
    title = f"document.querySelector('#rows tbody tr:nth-child(2) td:nth-child({REJECTED})').title"
    assert browser.run(title) == "1 rejected, low difficulty: 1"


def test_a_service_that_is_gone_is_said_to_be_and_what_it_said_stays_greyed_out(
    browser: Browser,
) -> None:
    with Service("proxy") as service, telling(service, miner_snapshot([miner(1, "a")])):
        browser.open(url(service))
        browser.wait_for(lambda: browser.column(NAME) == ["a"], "the row")
    browser.wait_for(lambda: browser.text("#unreachable"), "that it is gone")
    assert "cannot be reached" in browser.text("#unreachable")
    assert browser.run("document.title").startswith("No answer.")
    assert browser.run("document.body.className") == "stale"
    assert browser.column(NAME) == ["a"]

    with Service("proxy", web=service.web) as again:
        browser.wait_for(lambda: not browser.text("#unreachable"), "that it is back")
        assert state(browser) == "never"
        assert browser.column(NAME) == []
        assert again.get("/").status == 200
    # Refused connections were to be expected; nothing else was.
    assert all("ERR_CONNECTION_REFUSED" in one for one in browser.complaints)
    browser.complaints.clear()


def test_without_javascript_the_summary_is_there_and_loads_again(
    proxy: Service, browser: Browser
) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    with telling(proxy, miner_snapshot([miner(1, "a", hashrate=2e12)])):
        until(lambda: proxy.downstreams() == {"translator-1": 1})
        browser.open(url(proxy))
        browser.wait_for(lambda: state(browser) == "fresh", "the summary")
    assert "2.00 TH/s" in browser.text(".totals")
    assert "api/miners" in browser.text("noscript p")
    assert "2.00 TH/s" in browser.text("noscript table")
    assert browser.text("#rows") == "", "a table that nothing fills is not shown"
    browser.run_click("noscript tbody a")
    browser.wait_for(lambda: browser.text("h1") == "a", "the page of the miner")
    assert "Active, 2.00 TH/s at translator-1." in browser.text(".headline")
    assert "192.0.2.1:4444" in browser.text("table")


def test_a_pool_shows_its_connections_by_type(pool: Service, browser: Browser) -> None:
    with telling(pool, full_connection_snapshot(), "pool-1"):
        browser.open(url(pool))
        browser.wait_for(lambda: len(browser.column(1)) == 4, "the rows")
    assert browser.column(1) == ["Job Declarator", "Mint", "Translator", "other"]
    totals = browser.text(".totals")
    for expected in ("Translator: 1", "Mint: 1", "other: 1", "Pool at 0.0.0.0:34254"):
        assert expected in totals


def test_of_a_large_fleet_only_the_rows_in_view_are_laid_out(
    proxy: Service, browser: Browser
) -> None:
    rows = [miner(number, f"rig-{number:05}") for number in range(10_050)]
    with telling(proxy, miner_snapshot(rows)):
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(NAME)[:1] == ["rig-00000"], "the rows")
        assert browser.text(".totals .value") == "10,050"
        assert "10,000 rows, the first of 10,050" in browser.text("#shown")
        click(browser, NAME)
        click(browser, NAME)
        browser.wait_for(lambda: "rig-09999" in browser.column(NAME), "rows that were not shown")
        assert browser.run("document.querySelector('#rows table').ariaRowCount") == "10001"
        browser.run("scrollTo(0, document.body.scrollHeight)")
        browser.wait_for(lambda: browser.column(NAME)[-1] == "rig-00000", "the last row")
        assert len(browser.column(NAME)) < 100
        assert browser.run(
            "[...document.querySelectorAll('#rows tbody tr')].at(-1).ariaRowIndex"
        ) == ("10001")


def test_a_row_leads_to_the_page_of_its_miner_which_stays_current(
    proxy: Service, browser: Browser
) -> None:
    name = "farm/rig 1?#"
    with telling(proxy, miner_snapshot([miner(1, name, agent="cgminer/4.12")])):
        browser.open(url(proxy))
        browser.wait_for(lambda: browser.column(NAME) == [name], "the row")
        browser.run_click("#rows tbody a")
        browser.wait_for(lambda: browser.text("h1") == name, "the page of the miner")
        assert "cgminer/4.12" in browser.text("table")
        browser.run("window.untouched = true")
    browser.wait_for(lambda: "Nothing is heard" in browser.text(".headline"), "that it is gone")
    assert browser.run("window.untouched") is True
