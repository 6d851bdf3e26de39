"""Answers `/api/history` and its sparklines: what the status page draws, as aligned arrays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.history.asking import configured, short, source_of, unavailable_for_now
from exporters.endpoints.lists import is_downstream_id
from exporters.endpoints.responses import JsonAnswer
from exporters.history.charts import MOST_SPARKLINES, Row, RowLabel, Span
from exporters.history.drawn import Drawn, Times
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartEndpoints:
    """The paths of what is drawn; without `drawn` each of them says which setting is missing."""

    service: Service
    drawn: Drawn | None
    clock: Callable[[], Now]

    def routes(self) -> Iterator[Route]:
        """The paths, which are the same in both services."""
        yield Route("/api/history", self.charts)
        yield Route("/api/history/sparklines", self.sparklines)

    async def charts(self, request: Request) -> Response:
        """Every line of one view: of everything, or of one miner or connection."""
        drawn = configured(self.drawn)
        span = _span(request)
        rows = self._rows(request)
        if len(rows) > 1:
            raise HTTPException(400, f"{self._parameter} may be given once")
        with unavailable_for_now():
            found = await drawn.charts(
                next(iter(rows), None), source_of(request), span, self.clock()
            )
        return JsonAnswer({"range": span, **_times(found.times), "charts": found.lines})

    async def sparklines(self, request: Request) -> Response:
        """The measured hashrate of several rows in the last 24 hours."""
        drawn = configured(self.drawn)
        rows = self._drawn_rows(request)
        if not 0 < len(rows) <= MOST_SPARKLINES:
            told = "miner" if self.service is Service.PROXY else "connection and name"
            raise HTTPException(400, f"{told} must be given 1 to {MOST_SPARKLINES} times")
        with unavailable_for_now():
            times, found = await drawn.sparklines(rows, source_of(request), self.clock())
        lines = [
            {"source": one.source, one.row[0].value: one.row[1], "hashrate": one.hashrate}
            for one in found
        ]
        return JsonAnswer({"range": Span.DAY, **_times(times), "sparklines": lines})

    def _drawn_rows(self, request: Request) -> Sequence[Row]:
        if self.service is Service.PROXY:
            return [(RowLabel.NAME, name) for name in self._rows(request)]
        names = request.query_params.getlist("name")
        for name in names:
            short("name", name)
        ids = [(RowLabel.ID, id_) for id_ in self._rows(request)]
        return [*ids, *((RowLabel.NAME, name) for name in names)]

    @property
    def _parameter(self) -> str:
        return "miner" if self.service is Service.PROXY else "connection"

    def _rows(self, request: Request) -> Sequence[str]:
        query = request.query_params
        other = "connection" if self._parameter == "miner" else "miner"
        if other in query:
            raise HTTPException(
                400, f"{self.service.value} has no {other}s: give {self._parameter}"
            )
        rows = query.getlist(self._parameter)
        for row in rows:
            short(self._parameter, row)
            if self.service is Service.POOL and not is_downstream_id(row):
                raise HTTPException(400, f"connection must be a downstream_id, not {row[:32]!r}")
        return rows


def _span(request: Request) -> Span:
    text = request.query_params.get("range", Span.DAY)
    try:
        return Span(text)
    except ValueError:
        *spans, last = Span
        detail = f"range must be {', '.join(spans)} or {last}, not {text[:32]!r}"
        raise HTTPException(400, detail) from None


def _times(times: Times) -> dict[str, object]:
    timestamps = range(times.start, times.end + 1, times.step)
    return {"step": times.step, "timestamps": list(timestamps)}
