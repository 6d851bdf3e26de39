"""Chromium with one tab, for tests of what people see."""

import json
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.harness.program import LOOPBACK
from tests.support.programs import program
from tests.support.until import until

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
        rows = "#rows tbody tr:not(.space)"
        cells = f"document.querySelectorAll('{rows} td:nth-child({number})')"
        return list(self.run(f"[...{cells}].map((cell) => cell.innerText)"))

    def run_click(self, selector: str) -> None:
        """A click on the first such element, wherever it is."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

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
