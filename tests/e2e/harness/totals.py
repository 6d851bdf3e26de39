"""The totals of a cell's boards, looked at again and again beside those of untouched gateways."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from tests.e2e.harness.cell import HALVES, MINERS, Cell
from tests.grafana.boards import fill, panel_queries
from tests.grafana.fleet import VALUES
from tests.support.until import sleep_until, until

MEASURED = {
    f"{board} / {panel}"
    for board in ("proxy", "pool")
    for panel in ("Hashrate (stat) / B", "Shares (stat) / A")
}
"""The totals that are worked out from shares."""

SMALL = 0.05
"""What a declared total may change by from snapshot to snapshot; one miner of twelve is more."""

TOTALS = (
    *(f"proxy / Hashrate (stat) / {letter}" for letter in "AB"),
    *(f"proxy / Miners now (stat) / {letter}" for letter in "AB"),
    "proxy / Shares (stat) / A",
    "proxy / Sources (stat) / A",
    *(f"pool / Hashrate (stat) / {letter}" for letter in "AB"),
    "pool / Connected (stat) / A",
    "pool / Shares (stat) / A",
    "pool / Sources (stat) / A",
)
ROWS = "proxy / Miners (table) / A"
QUERIES = {str(query): query for query in panel_queries()}
LATE_SECONDS = 8
"""The last interval, before and after: a snapshot, a scrape, an evaluation, and a busy machine."""

SETTLED_SECONDS = LATE_SECONDS / 2
"""How long ago the moment is that is asked about: the truth may come later or earlier."""

BACK_SECONDS = 120.0

ROUNDS = 3
"""How many looks at all totals an accident lasts at least."""

OURS, TRUTH = "stats-(proxy|pool)", "truth-(proxy|pool)"
"""The jobs of the cell, and of the gateways that nobody disturbs."""


def filled(where: str, job: str = OURS, name: str = "") -> str:
    return fill(QUERIES[where].expression, VALUES | {"name": name, "job": job})


def luck(where: str) -> float:
    """How far luck sets two times apart of which one lacks 40 s, for a panel of a board.

    A pool's connections have some ten shares by then, and a translator's miners some thousand.
    """
    return 0.4 if where.startswith("pool") else 0.15


@dataclass(slots=True)
class Watch:
    """Looks at all totals of both Prometheus again and again, on a thread of its own."""

    cell: Cell
    wrong: list[str] = field(default_factory=list)
    rounds: int = 0
    doing: str = ""
    blind: set[str] = field(default_factory=set)
    """The halves whose Prometheus is not asked."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Return once a few rounds are over that began after this call."""
        enough = self.rounds + 1 + ROUNDS
        until(lambda: self.rounds >= enough, BACK_SECONDS, "looks at all totals")

    @contextmanager
    def without(self, half: str) -> Iterator[None]:
        with self._lock:
            self.blind.add(half)
        yield
        sleep_until(time.monotonic() + SETTLED_SECONDS)  # looks are at a moment before
        with self._lock:
            self.blind.discard(half)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                try:
                    self._round()
                except Exception as error:  # noqa: BLE001 - told with the others, on the test's thread
                    self.wrong.append(f"{self.doing}: {error!r}")
            self.rounds += 1
            self._stopping.wait(0.2)

    def _round(self) -> None:
        now = time.time()
        at = now - SETTLED_SECONDS
        for half in set(HALVES) - self.blind:
            prometheus = self.cell.prometheus(half)
            for where in TOTALS:
                shown = prometheus.at(filled(where), at).get("[]")
                window = f"({filled(where, TRUTH)})[{LATE_SECONDS}s:1s]"
                low, high = (
                    prometheus.at(f"{edge}_over_time({window})", now)["[]"]
                    for edge in ("min", "max")
                )
                room = (luck(where) if where in MEASURED else SMALL) * high
                if shown is None or not low - room <= shown <= high + room:
                    what = f"{half} {where}: {shown} is not in {low}..{high}"
                    self.wrong.append(f"{self.doing}: {what}")
            rows = prometheus.at(filled(ROWS), at)
            if len(rows) != MINERS:
                self.wrong.append(f"{self.doing}: {half} has {len(rows)} miners in the table")
