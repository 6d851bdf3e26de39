"""Writes the page of one miner or one connection: what it does now, session by session."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exporters.endpoints.lists import Json, connections_with_id, miners_named
from exporters.endpoints.page.parts.columns import rows_as_html
from exporters.endpoints.page.parts.sources import table
from exporters.endpoints.page.parts.totals import figure, rejected_texts
from exporters.endpoints.page.state import DOWNSTREAMS
from exporters.endpoints.page.text.markup import Markup, element, isolated
from exporters.endpoints.page.text.units import UNKNOWN, count_text, duration_text, hashrate_text
from exporters.endpoints.summaries import Totals
from stats_gateway.clock import Now
from stats_gateway.rows.rows import MinerState, total_of
from stats_gateway.store.sources import View
from stats_gateway.wire.services import Service

MOST_SESSIONS = 100
"""Rows in the table: a name has one for each device and session, mostly a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose page it is: a miner by its name, or a connection by its `downstream_id`."""

    service: Service
    row: str
    source: str | None = None
    """The source that the page is narrowed to; None for every source."""

    @property
    def title(self) -> str:
        """The name of the miner, or the number of the connection."""
        return self.row if self.service is Service.PROXY else f"Connection {self.row}"

    @property
    def query(self) -> str:
        """The parameters of questions for its history."""
        key = "miner" if self.service is Service.PROXY else "connection"
        source = {} if self.source is None else {"source": self.source}
        return urlencode({key: self.row} | source)

    def rows(self, view: View) -> Sequence[Json]:
        """Its rows now, in the shape of the API."""
        if self.service is Service.PROXY:
            return miners_named(view, self.row, self.source)
        return connections_with_id(view, int(self.row), self.source)


def downstream(view: View, subject: Subject, now: Now) -> Markup:
    """The state, the figures and the sessions of one miner or connection."""
    rows = subject.rows(view)
    parts = [_state(view, subject, rows)]
    if rows:
        parts += [
            element("dl", *_figures(rows, now), class_="totals"),
            _sessions(subject, rows, now),
        ]
    return element(
        "section",
        *parts,
        id="summary",
        aria_label="Now",
        data_state="present" if rows else "absent",
        data_now=round(now.unix, 3),
    )


def _state(view: View, subject: Subject, rows: Sequence[Json]) -> Markup:
    if rows:
        headline = element("p", *_present(rows), class_="headline")
        return element("div", headline, class_="state fresh")
    text = f"Not among the {DOWNSTREAMS[subject.service]} now."
    if not view.fresh():
        text = "Nothing is heard from any source now."
    elif subject.source is not None:
        text = f"Not at {subject.source} now."
    return element("div", element("p", text, class_="headline"), class_="state down")


def _present(rows: Sequence[Json]) -> Iterator[str]:
    """Such as `Active, 150 TH/s in 2 sessions at translator-1.`."""
    hashrate = total_of(_known(rows, "hashrate") or [None])
    parts = [_kind(rows)]
    if hashrate is not None:
        parts.append(hashrate_text(hashrate))
    sessions = f" in {len(rows)} sessions" if len(rows) > 1 else ""
    sources = sorted({str(row["source"]) for row in rows})
    where = isolated(sources[0]) if len(sources) == 1 else f"{len(sources)} sources"
    yield from (f"{', '.join(parts)}{sessions} at ", where, ".")


def _kind(rows: Sequence[Json]) -> str:
    """Such as `Active`, or `Translator translator-1`."""
    first = rows[0]
    if "state" in first:
        is_active = any(row["state"] == MinerState.ACTIVE for row in rows)
        return "Active" if is_active else "Idle"
    return " ".join(str(part) for part in (first["connection_type"], first["name"]) if part)


def _figures(rows: Sequence[Json], now: Now) -> Iterator[Markup]:
    yield figure("Hashrate, declared", hashrate_text(total_of(_known(rows, "hashrate") or [None])))
    by: dict[str, int] = {}
    for row in rows:
        for reason, count in (row["shares_rejected_by"] or {}).items():  # type: ignore[attr-defined]  # Json has values of any kind
            by[reason] = by.get(reason, 0) + count
    rejected = _known(rows, "shares_rejected")
    told = Totals(shares_rejected=sum(rejected) if rejected else None, shares_rejected_by=by)
    accepted = _known(rows, "shares_submitted")
    shares = count_text(sum(accepted) if accepted else None)
    yield figure("Shares accepted", shares, *rejected_texts(told))
    connected = _known(rows, "connected_at")
    since = [f"the oldest for {duration_text(now.unix - min(connected))}"] if connected else []
    yield figure("Sessions", count_text(len(rows)), *since)
    last = _known(rows, "last_share_at")
    ago = f"{duration_text(now.unix - max(last))} ago" if last else UNKNOWN
    yield figure("Last share", ago)


def _known(rows: Sequence[Json], field: str) -> list[Any]:  # Any: numbers of the field's own type
    return [value for row in rows if (value := row[field]) is not None]


def _sessions(subject: Subject, rows: Sequence[Json], now: Now) -> Markup:
    shown = rows[:MOST_SESSIONS]
    title = "Sessions" if subject.service is Service.PROXY else "Connection"
    if len(shown) < len(rows):
        title = f"Sessions, {len(shown)} of {count_text(len(rows))}"
    return table(title, "Sessions", *rows_as_html(subject.service, shown, now))
