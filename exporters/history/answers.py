"""Answers questions for hashrate over time, and asks Prometheus once for all who want the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporters.history.client import Prometheus, Question
from exporters.history.decoding import Point
from exporters.history.promql import Families, Matcher, Subject, hashrate, known
from exporters.history.sharing import SharedAnswers

POINTS = 500
"""About this many points for any range: a chart shows no more. Prometheus allows 11,000."""

MINUTE = 60
"""Steps are whole minutes, so that a step has several scrapes in it."""

LONG_SECONDS = 400 * 24 * 3600
"""In a longer range the beginning of history is looked for first: `from=0` means all there is."""

PROBES = 1000
"""Points of the first look at such a range: enough to find the month that history begins in."""

MAX_SAMPLES_READ = 10_000_000
"""Samples of work counters for one total: Prometheus reads some 4 million a second on one core."""

SCRAPE_SECONDS = 5
"""Time between two of those samples, as in the scrape configuration of this project."""

KEPT_SECONDS = 5.0
"""How long an answer serves others who ask the same: well below the time between two points."""

KEPT_ANSWERS = 64
"""Answers kept at once: 500 points each."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time in whole unix seconds."""

    start: int
    end: int

    def step(self) -> int:
        """The seconds from point to point: whole minutes."""
        return max(1, -(-(self.end - self.start) // (POINTS * MINUTE))) * MINUTE

    def question(self, expression: str, step: int) -> Question | None:
        """The question for points at multiples of `step`; None where there is no such point."""
        first, last = -(-self.start // step) * step, self.end // step * step
        if last < first:
            return None
        return Question(expression=expression, start=first, end=last, step=step)


class History:
    """The history of one service, as far as Prometheus knows it."""

    def __init__(
        self,
        prometheus: Prometheus,
        families: Families,
        scraped_as: tuple[Matcher, ...],
        rows: Callable[[], int],
    ) -> None:
        """`scraped_as` tells the service's series from others; `rows` counts its rows now."""
        self._prometheus = prometheus
        self._families = families
        self._scraped_as = scraped_as
        self._rows = rows
        self._shared = SharedAnswers[list[Point]](KEPT_ANSWERS)

    async def hashrate(self, subject: Subject, wanted: Range, now: float) -> list[Point]:
        """Averages over the steps that end at the points; `now` is monotonic.

        Raises `PrometheusError`.
        """
        subject = replace(subject, sources=(*self._scraped_as, *subject.sources))
        if wanted.end - wanted.start > LONG_SECONDS:
            wanted = await self._since_known(subject, wanted, now)
        step = wanted.step()
        measured = self._rows() * (wanted.end - wanted.start) // SCRAPE_SECONDS <= MAX_SAMPLES_READ
        expression = hashrate(self._families, subject, step, measured=measured)
        return await self._points(wanted.question(expression, step), now)

    async def _since_known(self, subject: Subject, wanted: Range, now: float) -> Range:
        """`wanted` without the time before history begins."""
        step = (wanted.end - wanted.start) // PROBES
        question = wanted.question(known(self._families, subject, step), step)
        points = await self._points(question, now)
        since = int(points[0][0]) - step if points else wanted.end
        return replace(wanted, start=max(since, wanted.start))

    async def _points(self, question: Question | None, now: float) -> list[Point]:
        if question is None:
            return []
        return await self._shared.get(
            question, now, lambda _: KEPT_SECONDS, lambda: self._prometheus.ask(question)
        )
