"""Asks Prometheus, or any server that speaks its HTTP API, for series over time and for alerts."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from exporters.errors import PrometheusBusy, PrometheusError
from exporters.history.decoding import Alert, Point, Series, alerts_in, series_in

ANSWER_SECONDS = 5.0
"""The time for a whole answer: who waits for a chart has given up by then."""

MAX_QUESTIONS = 8
"""Questions under way at once: a Prometheus answers 20 by default, and serves boards as well."""

MAX_ANSWER_BYTES = 1 << 20
"""The size of one answer: ten times what 1,000 points take."""

MAX_ALERTS_BYTES = 8 << 20
"""The size of an answer with alerts: some 10,000 alerts, as of a farm that is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A range query; times in unix seconds."""

    expression: str
    start: int
    end: int
    step: int


class Prometheus:
    """One server; an async context manager that leaves no question behind."""

    def __init__(self, url: str, authorization_file: Path | None = None) -> None:
        """`url` as from `parse_url`; the file holds the value of the Authorization header."""
        self._url = f"{url}/api/v1"
        self._authorization_file = authorization_file
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            # Neither a proxy nor a password comes from the environment or from ~/.netrc.
            trust_env=False,
            follow_redirects=False,
            # A whole answer has one deadline, and a question has a connection of its own.
            timeout=None,  # noqa: S113 - the deadline is in `ask`
            limits=httpx.Limits(max_connections=MAX_QUESTIONS, max_keepalive_connections=0),
            # Compressed bytes say nothing of how large an answer is.
            headers={"Accept-Encoding": "identity"},
        )
        self._deadlines: set[asyncio.Timeout] = set()
        self._stopped = False

    async def __aenter__(self) -> Self:
        # httpx logs every request.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await self._client.aclose()

    def stop(self) -> None:
        """Have every question fail, those under way and those to come."""
        self._stopped = True
        for deadline in self._deadlines:
            deadline.reschedule(0.0)

    async def ask(self, question: Question) -> list[Point]:
        """Ask for the points of one series, oldest first; none where there is no series.

        Raises `PrometheusBusy` and `PrometheusError`.
        """
        return next((one.points for one in await self.series(question)), [])

    async def series(self, question: Question) -> list[Series]:
        """Ask for every series of one expression. Raises `PrometheusBusy` and `PrometheusError`."""
        form = {
            "query": question.expression,
            "start": str(question.start),
            "end": str(question.end),
            "step": str(question.step),
            # Prometheus is to stop, too, when nobody waits any more.
            "timeout": f"{ANSWER_SECONDS:g}s",
        }
        return series_in(*await self._request("POST", "query_range", MAX_ANSWER_BYTES, form))

    async def alerts(self) -> list[Alert]:
        """Ask for the pending and firing alerts. Raises `PrometheusBusy` and `PrometheusError`."""
        status, body = await self._request("GET", "alerts", MAX_ALERTS_BYTES)
        return await asyncio.to_thread(alerts_in, status, body)

    async def _request(
        self, method: str, path: str, most: int, form: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Give the status and the body of one answer of at most `most` bytes."""
        if self._stopped:
            raise _stopping()
        if len(self._deadlines) >= MAX_QUESTIONS:
            raise PrometheusBusy(f"{MAX_QUESTIONS} questions to Prometheus are under way")
        deadline = asyncio.timeout(ANSWER_SECONDS)
        self._deadlines.add(deadline)
        try:
            async with deadline:
                return await self._read(method, path, most, form)
        except TimeoutError as error:
            if self._stopped:
                raise _stopping() from error
            text = f"Prometheus did not answer within {ANSWER_SECONDS:g} s"
            raise PrometheusError(text) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PrometheusError(f"Prometheus cannot be asked: {_cause(error)}") from error
        finally:
            self._deadlines.discard(deadline)

    async def _read(
        self, method: str, path: str, most: int, form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        headers = {}
        if self._authorization_file is not None:
            headers["Authorization"] = _authorization(self._authorization_file)
        body = bytearray()
        url = f"{self._url}/{path}"
        async with self._client.stream(method, url, data=form, headers=headers) as response:
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    raise PrometheusError(f"Prometheus answered over {most} bytes")
        return response.status_code, bytes(body)


def _stopping() -> PrometheusError:
    return PrometheusError("the service is stopping")


def _cause(error: BaseException) -> str:
    """Give the text of the innermost error, which says more than those around it."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _authorization(file: Path) -> str:
    """Read the file, since tokens are renewed. Its text is in no error."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrometheusError("history.authorization_file cannot be read") from error
    if not text or not text.isascii() or not text.isprintable():
        raise PrometheusError("history.authorization_file must hold one line of printable ASCII")
    return text
