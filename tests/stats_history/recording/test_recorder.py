"""The boards over an import, a move and live data: all is steady, so each line must be straight."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stats_history.__main__ import main
from tests.grafana.boards import ROOT, Query, fill, panel_queries
from tests.grafana.fleet import VALUES
from tests.stats_history.live import (
    DIFFICULTY,
    EHASH,
    FIRST_QUOTE,
    HASHRATE,
    MINERS,
    QUOTE_SECONDS,
    SCRAPE_SECONDS,
    SHARES_PER_SCRAPE,
    scrape,
)
from tests.stats_history.old_databases import START, event_database, snapshot_database
from tests.stats_history.prometheus import Prometheus, running
from tests.support.programs import program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RULES = ROOT / "prometheus" / "rules" / "recording.yml"
HOUR = 3600
MOVED = START + 26 * HOUR
END = MOVED + 2 * HOUR
WARM_SECONDS = HOUR + QUOTE_SECONDS
"""After which every look back of a panel, but for the day's average, is full."""

IDS = range(1, MINERS + 1)
MOMENTS = range(START, MOVED, SCRAPE_SECONDS)
STEP = 60
STEADY = 1.1
"""How much the greatest value may exceed the least: rules are evaluated between scrapes."""

CLIMB_SECONDS = 300
"""The rules for shares divide by 5 minutes also where the live series are younger than that."""

NEVER = (
    *("Rejected part of shares", "Rejected shares by reason", "Balance", "Wallet", "Channels"),
    *("Difficulty", "Power and temperature"),
)
"""What no old database tells over time."""

NO_SHARES = (
    *("Shares", "Measured by session", "Age of the last share", "Age of the newest session"),
)


@dataclass(frozen=True)
class Era:
    """One of the four databases, and the panels of its boards that it knows nothing of."""

    kind: str
    boards: tuple[str, ...]
    make: Callable[[Path], Path]
    unknown: tuple[str, ...]


def snapshots(names: Callable[[int], str]) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        most = 60 // SCRAPE_SECONDS * SHARES_PER_SCRAPE
        # The old service has run for longer than its window of a minute when it is asked first.
        shares = {at: most + (at - START) // SCRAPE_SECONDS * SHARES_PER_SCRAPE for at in MOMENTS}
        rows = [
            (at, number, most, most * DIFFICULTY, count, 60)
            for at, count in shares.items()
            for number in IDS
        ]
        return snapshot_database(path, rows, {n: names(n) for n in IDS})

    return make


def events(
    names: dict[int, str] | None = None, service_types: dict[int, str | None] | None = None
) -> Callable[[Path], Path]:
    """Each downstream tells its hashrate at a time of its own."""

    def make(path: Path) -> Path:
        rows = [(at + 4 * number, number, HASHRATE) for at in MOMENTS[:-1] for number in IDS]
        quotes = [
            (at, number, EHASH)
            for at in range(START + FIRST_QUOTE, MOVED, QUOTE_SECONDS)
            for number in ((1,) if service_types is None else IDS)
        ]
        return event_database(
            path, sorted(rows), names=names, service_types=service_types, quotes=quotes
        )

    return make


ERAS = {
    "proxy of snapshots": Era(
        "proxy",
        ("proxy", "miner"),
        snapshots("rig{}".format),
        ("Quotes in the last hour",),
    ),
    "proxy of events": Era(
        "proxy",
        ("proxy", "miner"),
        events(names={number: f"rig{number}" for number in IDS}),
        NO_SHARES,
    ),
    "pool of snapshots": Era(
        "pool",
        ("pool",),
        snapshots("translator_{}".format),
        ("Quotes and ehash in the last hour",),
    ),
    "pool of events": Era(
        "pool",
        ("pool",),
        events(service_types=dict.fromkeys(IDS, "translator")),
        NO_SHARES,
    ),
}


def known_queries(era: Era) -> Iterable[Query]:
    """The queries over time of the era's boards, without those of what it cannot know."""
    for query in panel_queries():
        board, panel, _ = query.where.split(" / ")
        title = panel.rpartition(" (")[0]
        known = board in era.boards and title not in (*NEVER, *era.unknown)
        # The rest of the board of the pipeline is about the new service itself.
        if not query.instant and (known or (board, title) == ("pipeline", "Rows")):
            yield query


@pytest.mark.parametrize("era", ERAS.values(), ids=ERAS)
def test_every_panel_over_time_goes_on_from_the_old_service_to_the_new(
    era: Era, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(program("promtool")).parent), prepend=os.pathsep)
    data = tmp_path / "data"
    data.mkdir()
    database = era.make(tmp_path / "old.db")
    port = {"proxy": 8084, "pool": 9084}[era.kind]
    labels = {
        "source": "127.0.0.1",
        "job": f"stats-{era.kind}",
        "instance": f"127.0.0.1:{port}",
    }
    scrape(data, tmp_path, era.kind, labels, range(MOVED, END, SCRAPE_SECONDS), [RULES])
    run = ["import", str(database), "--into", str(data), "--to", str(MOVED)]
    assert main([*run, "--rules", str(RULES)]) == 0
    with running(data, tmp_path) as prometheus:
        wrong = {
            query.where: fault
            for query in known_queries(era)
            if (fault := fault_of(prometheus, query))
        }
    assert wrong == {}


def fault_of(prometheus: Prometheus, query: Query) -> str:
    """How the lines of a panel are not steady from the import to the end; empty if they are."""
    expression = fill(query.expression, VALUES | {"name": "rig1", "__rate_interval": "5m"})
    lines = prometheus.graph(expression, START + WARM_SECONDS, END - STEP, STEP)
    steps = range(START + WARM_SECONDS, END, STEP)
    points = dict(point for line in lines for point in line)
    if "shares_rejected" in query.expression or "device_" in query.expression:
        return "made up" if points else ""
    missing = [at for at in steps if at not in points]
    if missing:
        return f"{len(missing)} of {len(steps)} steps without data, first {missing[0] - MOVED}"
    if "Age of" in query.where:
        return ""
    for line in lines:
        at = {
            value: moment - MOVED
            for moment, value in line
            if "rate5m" not in query.expression or not 0 <= moment - MOVED < CLIMB_SECONDS
        }
        low, high = min(at), max(at)
        if high > STEADY * low:
            return f"{low:.6g} at {at[low]} s after the move, {high:.6g} at {at[high]} s"
    return ""
