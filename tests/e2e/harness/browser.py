"""Chromium with one tab, for tests of what people see."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts import browser as base
from tests.support.programs import program
from tests.support.until import until

REFRESHED_SECONDS = 20.0
"""The page asks every 5 s, on a machine that is slow at times."""


class Browser(base.Browser):
    """A tab whose console is listened to."""

    answer_seconds = 30.0

    def __init__(self, profile: Path) -> None:
        self.complaints: list[str] = []
        """What the browser's console shows as errors: violations of the policy, failed loads."""
        super().__init__(program("chromium"), str(profile))
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

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

    def note(self, event: Any) -> None:  # noqa: ANN401 - as many shapes as events
        """Keep what the console shows as an error."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
