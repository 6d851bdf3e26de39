"""Hashrate over time: which points, asked of Prometheus once however many want them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporters.history.client import Point, Prometheus, Question
from exporters.history.promql import Families, Matcher, Subject, hashrate, known

POINTS = 500
"""About so many for any range: a chart shows no more. Prometheus allows 11,000."""

MINUTE = 60
"""Steps are whole minutes, so that a step has several scrapes in it."""

LONG_SECONDS = 400 * 24 * 3600
"""A range beyond this is looked through first: nobody means 50 years by `from=0`."""

PROBES = 1000
"""Looks at such a range: enough to find the month that history begins in."""

MAX_SAMPLES_READ = 10_000_000
"""Samples of work counters for one total: Prometheus reads some 4 million a second on one core."""

SCRAPE_SECONDS = 5
"""Between those samples, as our own scrape configuration has it."""

KEPT_SECONDS = 5.0
"""How long an answer serves others: well below a step."""

KEPT_ANSWERS = 64
"""Answers kept at once: 500 points each."""


@dataclass(frozen=True, slots=True)
class Range:
    """From when to when, in whole unix seconds."""

    start: int
    end: int

    def step(self) -> int:
        """The seconds from point to point: whole minutes."""
        return max(1, -(-(self.end - self.start) // (POINTS * MINUTE))) * MINUTE

    def question(self, expression: str, step: int) -> Question | None:
        """Asked at multiples of `step`; None where the range has none."""
        first, last = -(-self.start // step) * step, self.end // step * step
        if last < first:
            return None
        return Question(expression=expression, start=first, end=last, step=step)


class History:
    """What Prometheus knows of one service."""

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
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()

    def stop(self) -> None:
        """Have every question fail at once, so that nobody waits for an answer while we stop."""
        self._prometheus.stop()

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
        """`wanted` without what lies before all that is known."""
        step = (wanted.end - wanted.start) // PROBES
        question = wanted.question(known(self._families, subject, step), step)
        points = await self._points(question, now)
        since = int(points[0][0]) - step if points else wanted.end
        return replace(wanted, start=max(since, wanted.start))

    async def _points(self, question: Question | None, now: float) -> list[Point]:
        if question is None:
            return []
        kept = self._kept.get(question)
        if kept is None or now - kept.asked_at >= KEPT_SECONDS:
            kept = _Kept(asyncio.create_task(self._prometheus.ask(question)), now)
            kept.answer.add_done_callback(lambda done: self._forget_failure(question, done))
            self._kept[question] = kept
            self._kept.move_to_end(question)
            if len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
        # Shielded, so that one client that goes away does not take it from the others.
        return await asyncio.shield(kept.answer)

    def _forget_failure(self, question: Question, done: "asyncio.Task[list[Point]]") -> None:
        """A question that failed may be asked again at once."""
        kept = self._kept.get(question)
        failed = done.cancelled() or done.exception() is not None
        if failed and kept is not None and kept.answer is done:
            del self._kept[question]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, or the waiting for it."""

    answer: "asyncio.Task[list[Point]]"
    asked_at: float
