"""Chromium with one tab, driven over DevTools' pipe: its file descriptors 3 and 4."""

import json
import os
import select
import signal
import time
from contextlib import suppress
from typing import Any

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Nothing leaves this machine, whatever the browser is curious about.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser does not answer, or says no; the text says why."""


class Browser:
    """One tab. `program` is the path of Chromium, and `profile` a folder for this browser alone."""

    answer_seconds = 60.0
    """For one answer of the browser, on a machine that is slow at times."""

    def __init__(self, program: str, profile: str, *options: str) -> None:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        self._pid = os.posix_spawn(
            program,
            [program, *OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"],
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
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def call(self, method: str, **params: object) -> Any:  # noqa: ANN401 - as many shapes as methods
        """One command of the DevTools protocol, and its result. Raises BrowserError."""
        self._calls += 1
        message: dict[str, object] = {"id": self._calls, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._calls:
            self.note(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """The value of a JavaScript expression in the page. Raises BrowserError."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise BrowserError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def note(self, event: Any) -> None:  # noqa: ANN401 - as many shapes as events
        """Take an event that came before an answer; this class asks for none."""

    def close(self) -> None:
        """End it, and every process it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._to)
        os.close(self._from)

    def _read(self) -> Any:  # noqa: ANN401 - as many shapes as events
        deadline = time.monotonic() + self.answer_seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError("the browser does not answer")
            data = os.read(self._from, 1 << 16)
            if not data:
                raise BrowserError("the browser has ended")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)
