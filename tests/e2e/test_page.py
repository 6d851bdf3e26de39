"""The status page as people see it: in Chromium, over a real service with real senders."""

import json
import math
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from exporters.endpoints.page.text.units import UNKNOWN, duration_text, hashrate_text
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.rows import full_connection_snapshot, miner, miner_snapshot
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import Message, connected
from tests.support.programs import program
from tests.support.until import until

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
ANSWER_SECONDS = 30.0
REFRESHED_SECONDS = 20.0
"""The page asks every 5 s, on a machine that is slow at times."""

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing leaves this machine, whatever the browser is curious about.
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}",
    "--remote-debugging-pipe",
)


class Browser:
    """Chromium with one tab, driven over DevTools' pipe: its file descriptors 3 and 4."""

    def __init__(self, profile: Path) -> None:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        path = program("chromium")
        self._pid = os.posix_spawn(
            path,
            [path, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, commands, 3),
                (os.POSIX_SPAWN_DUP2, answers, 4),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
        )
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._calls = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the browser's console shows as errors: violations of the policy, failed loads."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> Any:  # noqa: ANN401 - as many shapes as methods
        """One command of the DevTools protocol, and its result."""
        self._calls += 1
        message: dict[str, object] = {"id": self._calls, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._calls:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """The value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, selector: str) -> str:
        """What is to be read there; nothing where there is no such element, or a hidden one."""
        found = f"document.querySelector({json.dumps(selector)})"
        return str(self.run(f"{found}?.checkVisibility() ? {found}.innerText : ''"))

    def column(self, number: int) -> list[str]:
        """The texts of one column of the table of rows, from 1."""
        cells = f"document.querySelectorAll('#rows tbody td:nth-child({number})')"
        return list(self.run(f"[...{cells}].map((cell) => cell.innerText)"))

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Return once the page has come to show it."""
        until(condition, REFRESHED_SECONDS, what)

    def close(self) -> None:
        """End it, and every process it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._to)
        os.close(self._from)

    def _read(self) -> Any:  # noqa: ANN401 - as many shapes as events
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self._from, 1 << 16)
            assert data, "the browser has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: Any) -> None:  # noqa: ANN401 - as above
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The tab, which must show no error in its console by the end of a test."""
    yield chromium
    chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    chromium.open("about:blank")
    complaints = chromium.complaints.copy()
    chromium.complaints.clear()
    assert not complaints


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


NAME, SOURCE, HASHRATE, SHARES, REJECTED, DIFFICULTY, CONNECTED = 1, 2, 4, 5, 6, 7, 8


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
        assert "two last sent a snapshot" in browser.text(".state")
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
    assert browser.text("#summary tbody th") == HOSTILE
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
    assert browser.text("#rows") == "", "a table that nothing fills is not shown"


def test_a_pool_shows_its_connections_by_type(pool: Service, browser: Browser) -> None:
    with telling(pool, full_connection_snapshot(), "pool-1"):
        browser.open(url(pool))
        browser.wait_for(lambda: len(browser.column(1)) == 4, "the rows")
    assert browser.column(1) == ["Job Declarator", "Mint", "Translator", "other"]
    totals = browser.text(".totals")
    for expected in ("Translator: 1", "Mint: 1", "other: 1", "Pool at 0.0.0.0:34254"):
        assert expected in totals


def test_of_a_large_fleet_the_first_rows_are_shown_and_said_to_be(
    proxy: Service, browser: Browser
) -> None:
    rows = [miner(number, f"rig-{number:05}") for number in range(6000)]
    with telling(proxy, miner_snapshot(rows)):
        browser.open(url(proxy))
        browser.wait_for(lambda: len(browser.column(NAME)) == 500, "the rows")
    click(browser, NAME)
    click(browser, NAME)
    assert browser.column(NAME)[0] == "rig-04999", "those that are not shown are sorted too"
    browser.run("document.getElementById('more').click()")
    assert len(browser.column(NAME)) == 5000
    assert not browser.text("#more")
    assert browser.text(".totals .value") == "6,000"
    assert "5,000 rows, the first of 6,000" in browser.text("#shown")
