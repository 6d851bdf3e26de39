"""Answers what the status page draws, and asks Prometheus once for all who look at it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from exporters.history.charts import (
    LINE,
    SPARKLINE_STEP,
    Row,
    RowLabel,
    Shown,
    Span,
    sparklines,
    view,
)
from exporters.history.client import Prometheus, Question
from exporters.history.decoding import Alert, Point, Series
from exporters.history.promql import Matcher
from exporters.history.sharing import SharedAnswers
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service

KEPT_VIEWS = 32
"""Answers kept at once, each of at most 1 MiB: a few people at a few miners' pages."""

EMPTY_SECONDS = 10.0
"""How long an answer without any point holds: where history only begins, the next has some."""

ALERTS_SECONDS = 10.0
"""How long the alerts hold: rules are evaluated every 15 to 30 s."""

Values: TypeAlias = Sequence[float | None]
"""One value for each point in time; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Times:
    """The points in time that all lines of one answer share, in unix seconds."""

    start: int
    end: int
    step: int

    def aligned(self, points: Iterable[Point]) -> Values:
        """The values at these times; None at those without a point."""
        values: list[float | None] = [None] * ((self.end - self.start) // self.step + 1)
        for when, value in points:
            index = round((when - self.start) / self.step)
            if 0 <= index < len(values):
                values[index] = value
        return values


@dataclass(frozen=True, slots=True)
class Charts:
    """The lines of one view by chart, as in `lines["hashrate"]["declared"]`."""

    times: Times
    lines: Mapping[str, Mapping[str, Values]]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The measured hashrate of one row."""

    source: str
    row: Row
    hashrate: Values


class Drawn:
    """What is drawn of one service, as far as Prometheus knows it."""

    def __init__(
        self, prometheus: Prometheus, service: Service, scraped_as: tuple[Matcher, ...]
    ) -> None:
        """`scraped_as` tells the service's series from others."""
        self._prometheus = prometheus
        self._service = service
        self._scraped_as = scraped_as
        self._views = SharedAnswers[Charts](KEPT_VIEWS)
        self._sparklines = SharedAnswers[tuple[Times, Sequence[Sparkline]]](KEPT_VIEWS)
        self._alerts = SharedAnswers[Sequence[Alert]](1)

    async def charts(self, row: str | None, source: str | None, span: Span, now: Now) -> Charts:
        """What one view shows until the last whole step. Raises `PrometheusError`."""
        shown = Shown(service=self._service, sources=self._narrowed(source), row=row)
        question = span.question(view(shown, span), now.unix)

        async def ask() -> Charts:
            return _charts(question, await self._prometheus.series(question))

        def seconds(answer: Charts) -> float:
            return EMPTY_SECONDS if not answer.lines else span.step

        return await self._views.get(question, now.monotonic, seconds, ask)

    async def sparklines(
        self, rows: Iterable[Row], source: str | None, now: Now
    ) -> tuple[Times, Sequence[Sparkline]]:
        """The last 24 hours of several rows; none for rows without history.

        Raises `PrometheusError`.
        """
        expression = sparklines(self._service, self._narrowed(source), sorted(set(rows)))
        question = Span.DAY.question(expression, now.unix, SPARKLINE_STEP)

        async def ask() -> tuple[Times, Sequence[Sparkline]]:
            times = _times(question)
            found = await self._prometheus.series(question)
            return times, [
                Sparkline(one.labels["source"], (label, value), times.aligned(one.points))
                for one in found
                for label in RowLabel
                if "source" in one.labels and (value := one.labels.get(label)) is not None
            ]

        def seconds(answer: tuple[Times, Sequence[Sparkline]]) -> float:
            return SPARKLINE_STEP if answer[1] else EMPTY_SECONDS

        return await self._sparklines.get(question, now.monotonic, seconds, ask)

    async def alerts(self, now: Now) -> Sequence[Alert]:
        """The firing alerts of this service's site. Raises `PrometheusError`."""

        async def ask() -> Sequence[Alert]:
            return [one for one in await self._prometheus.alerts() if self._is_ours(one)]

        return await self._alerts.get("alerts", now.monotonic, lambda _: ALERTS_SECONDS, ask)

    def _narrowed(self, source: str | None) -> tuple[Matcher, ...]:
        return self._scraped_as if source is None else (*self._scraped_as, ("source", "=", source))

    def _is_ours(self, alert: Alert) -> bool:
        # A rule may have taken a label away, and then the alert is of every site.
        return alert.state == "firing" and all(
            alert.labels.get(name, value) == value for name, _, value in self._scraped_as
        )


def _times(question: Question) -> Times:
    return Times(question.start, question.end, question.step)


def _charts(question: Question, found: Iterable[Series]) -> Charts:
    times = _times(question)
    lines: dict[str, dict[str, Values]] = {}
    for series in found:
        labels = dict(series.labels)
        chart, _, line = labels.pop(LINE, "").partition(" ")
        # A chart by reason or by state has its lines' names in that label, the only one left.
        line = line or next(iter(labels.values()), "")
        lines.setdefault(chart, {})[line] = times.aligned(series.points)
    return Charts(times, lines)
