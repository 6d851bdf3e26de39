"""Answers the paths of hashrate over time, in the shape that the old services had."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.history.asking import configured, short, source_of, unavailable_for_now
from exporters.endpoints.responses import JsonAnswer
from exporters.history.answers import History, Range
from exporters.history.promql import Subject
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service

DEFAULT_SECONDS = 24 * 3600
"""The range where a request names none: a day."""

MAX_DIGITS = 10
"""Digits of unix seconds until the year 2286; a time in milliseconds has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEndpoints:
    """The paths of history; without `history` each of them says which setting is missing."""

    service: Service
    history: History | None
    clock: Callable[[], Now]

    def routes(self) -> Iterator[Route]:
        """The paths of this service."""
        yield Route("/api/hashrate", self.total)
        yield Route("/api/downstream/{downstream_id:int}/hashrate", self.downstream)
        if self.service is Service.PROXY:
            # A miner may have slashes in its name.
            yield Route("/api/miner/{name:path}/hashrate", self.miner)

    async def total(self, request: Request) -> Response:
        """The hashrate of everything that mines."""
        return await self._answer(request, _subject(request))

    async def downstream(self, request: Request) -> Response:
        """The hashrate of every row that had this `downstream_id`."""
        downstream_id = str(request.path_params["downstream_id"])
        return await self._answer(request, _subject(request).of("downstream_id", downstream_id))

    async def miner(self, request: Request) -> Response:
        """The hashrate of all devices and sessions with one name."""
        name = short("the name", request.path_params["name"])
        return await self._answer(request, _subject(request).of("name", name))

    async def _answer(self, request: Request, subject: Subject) -> Response:
        history = configured(self.history)
        now = self.clock()
        wanted = _range(request, int(now.unix))
        with unavailable_for_now():
            points = await history.hashrate(subject, wanted, now.monotonic)
        data = [{"timestamp": int(when), "hashrate_hs": value} for when, value in points]
        return JsonAnswer({"data": data})


def _subject(request: Request) -> Subject:
    source = source_of(request)
    return Subject() if source is None else Subject(sources=(("source", "=", source),))


def _range(request: Request, now: int) -> Range:
    """Read the range that is asked for, cut at `now`. Raises HTTPException."""
    end = _unix_seconds(request, "to", now)
    start = _unix_seconds(request, "from", max(0, min(end, now) - DEFAULT_SECONDS))
    if start > end:
        raise HTTPException(400, f"from must not be after to: {start} is after {end}")
    return Range(start, min(end, now))


def _unix_seconds(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        raise HTTPException(
            400, f"{name} must be whole unix seconds, as in {name}={default}, not {text[:32]!r}"
        )
    return int(text)
