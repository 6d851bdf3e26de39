"""`make pictures`: the first minutes of the demo, as a browser shows them.

It runs the demo, waits until graphs are drawn and alerts fire, and takes each page at two widths,
dark and light, into a folder. The README's picture is one of them.
"""

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.browser import Browser, BrowserError

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / ".demo" / "pictures"
README_PICTURE = ROOT / "docs" / "pictures" / "page.png"
README_END = "#history"
"""The element with which the README's picture ends."""
README_BYTES = 250_000
"""A picture in every clone should not be larger."""

WIDTHS = {1280: 800, 390: 844}
"""A laptop's window and a telephone's, with their heights, in CSS pixels."""
MARGIN = 16
"""Below the end of an element, in CSS pixels."""
TALLEST = 4000
"""How much of a page is taken: the rest of a table shows nothing new."""
SCHEMES = ("light", "dark")

ALERTS = 2
"""How many alerts fire for the reader, apart from the watchdog."""
PATIENCE = 240.0
"""Seconds for the demo to start, and again for alerts to fire; 60 and 80 are usual."""
SETTLE_SECONDS = 1.0
"""From a drawn graph to a picture: fonts and sparklines come a moment later."""


class PictureError(Exception):
    """A picture could not be taken; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One page, and the JavaScript that is true once there is something to see on it."""

    name: str
    url: str
    ready: str = "document.readyState === 'complete' && location.href !== 'about:blank'"


class Camera(Browser):
    """A browser that takes pictures of pages."""

    def take(self, shot: Shot, width: int, scheme: str, end: str = "html") -> bytes:
        """The PNG of a page, down to the end of an element or to `TALLEST`."""
        self._resize(width, WIDTHS[width])
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url="about:blank")  # else only the part after # may change
        self.call("Page.navigate", url=shot.url)
        _wait(lambda: self.run(shot.ready), self.answer_seconds, f"{shot.url} shows nothing")
        # Rows of a table are drawn when they come into view.
        bottom = f"Math.ceil(document.querySelector('{end}').getBoundingClientRect().bottom)"
        self._resize(width, min(max(int(self.run(bottom)) + MARGIN, WIDTHS[width]), TALLEST))
        time.sleep(SETTLE_SECONDS)
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def _resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)


def main(argv: Sequence[str] | None = None) -> int:
    """Take the pictures; 1 when that is not possible."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--into", type=Path, default=PICTURES, metavar="FOLDER")
    parser.add_argument(
        "--demo",
        nargs=argparse.REMAINDER,
        default=[sys.executable, "-m", "scripts.demo"],
        metavar="COMMAND",
        help="starts the demo: scripts/bare-machine.sh trixie make demo, say (default: here)",
    )
    options = parser.parse_args(argv)
    folder: Path = options.into
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _demo(options.demo) as links, _camera() as camera:
            _wait(lambda: _alerts_firing(links), PATIENCE, "no alerts fire")
            for shot in _shots(links):
                for width in WIDTHS:
                    for scheme in SCHEMES:
                        path = folder / f"{shot.name}-{width}-{scheme}.png"
                        path.write_bytes(camera.take(shot, width, scheme))
                        _say(f"{path}")
            page = camera.take(_shots(links)[0], 1280, "light", README_END)
    except (PictureError, BrowserError, OSError) as error:
        _say(f"No pictures: {error}")
        return 1
    if len(page) > README_BYTES:
        _say(f"No picture for the README: {len(page)} bytes are more than {README_BYTES}")
        return 1
    README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    README_PICTURE.write_bytes(page)
    _say(f"{README_PICTURE}, {len(page)} bytes")
    return 0


def _shots(links: dict[str, str]) -> list[Shot]:
    drawn = "document.querySelectorAll('.charts canvas').length > 0"
    return [
        Shot(name="page", url=links["Miners"], ready=drawn),
        Shot(name="week", url=links["Miners"] + "#7d", ready=drawn),
        Shot(name="hour", url=links["Miners"] + "#1h", ready=drawn),
        Shot(name="miner", url=links["One miner"], ready=drawn),
        Shot(name="pool", url=links["Pool connections"], ready=drawn),
        Shot(name="connection", url=_oldest_connection(links), ready=drawn),
        Shot(name="runbook", url=links["Miners"] + "runbook"),
        Shot(name="api", url=links["API"]),
        Shot(name="prometheus-alerts", url=links["Alerts"]),
    ]


def _oldest_connection(links: dict[str, str]) -> str:
    rows: list[dict[str, Any]] = _json(links["Pool connections"] + "api/connections")["connections"]
    oldest = min(rows, key=lambda row: float(row["connected_at"]))
    return f"{links['Pool connections']}connection/{oldest['downstream_id']}"


def _alerts_firing(links: dict[str, str]) -> bool:
    address = "/".join(links["Prometheus"].split("/")[:3]) + "/api/v1/alerts"
    alerts: list[dict[str, Any]] = _json(address)["data"]["alerts"]
    firing = [one for one in alerts if one["state"] == "firing"]
    return len([one for one in firing if one["labels"]["severity"] != "none"]) >= ALERTS


def _json(url: str) -> Any:  # noqa: ANN401 - as many shapes as answers
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the demo's own
        return json.load(answer)


@contextmanager
def _demo(command: Sequence[str]) -> Iterator[dict[str, str]]:
    """The demo, and its links by title."""
    process = subprocess.Popen(  # noqa: S603 - what the caller named
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    links: dict[str, str] = {}
    try:
        for line in process.stdout or ():
            if found := re.match(r"  (\w[\w ]*?) +(http://\S+)", line):
                links[found[1]] = found[2]
            if line.startswith("Ctrl-C"):
                break
        if "Prometheus" not in links:
            raise PictureError("the demo did not start a Prometheus that has pages")
        yield links
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _camera() -> Iterator[Camera]:
    program = shutil.which("chromium")
    if program is None:
        raise PictureError("chromium is needed: scripts/tools.sh chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        camera = Camera(program, profile, "--hide-scrollbars")
        try:
            yield camera
        finally:
            camera.close()


def _wait(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise PictureError(f"{what} after {seconds:.0f} s")
        time.sleep(0.2)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what was made


if __name__ == "__main__":
    sys.exit(main())
