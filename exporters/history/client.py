"""Asks Prometheus, or any server that speaks its HTTP API, for one series over time."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Self

import httpx
import msgspec

from exporters.errors import PrometheusBusy, PrometheusError

ANSWER_SECONDS = 5.0
"""The time for a whole answer: who waits for a chart has given up by then."""

MAX_QUESTIONS = 8
"""Questions under way at once: a Prometheus answers 20 by default, and serves boards as well."""

MAX_ANSWER_BYTES = 1 << 20
"""The size of one answer: ten times what 1,000 points take."""

MAX_DETAIL = 200
"""Characters of a server's own error text that are passed on."""

Point = tuple[float, float]
"""Unix seconds, and a value."""


class _Series(msgspec.Struct):
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Series] = []


class _Answer(msgspec.Struct):
    """The part of an answer of `/api/v1/query_range` that is used."""

    status: str
    data: _Data | None = None
    error: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


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
        self._url = f"{url}/api/v1/query_range"
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
        if self._stopped:
            raise _stopping()
        if len(self._deadlines) >= MAX_QUESTIONS:
            raise PrometheusBusy(f"{MAX_QUESTIONS} questions to Prometheus are under way")
        deadline = asyncio.timeout(ANSWER_SECONDS)
        self._deadlines.add(deadline)
        try:
            async with deadline:
                return _points(*await self._post(question))
        except TimeoutError as error:
            if self._stopped:
                raise _stopping() from error
            text = f"Prometheus did not answer within {ANSWER_SECONDS:g} s"
            raise PrometheusError(text) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PrometheusError(f"Prometheus cannot be asked: {_cause(error)}") from error
        finally:
            self._deadlines.discard(deadline)

    async def _post(self, question: Question) -> tuple[int, bytes]:
        """Give the status and the body of the answer."""
        form = {
            "query": question.expression,
            "start": str(question.start),
            "end": str(question.end),
            "step": str(question.step),
            # Prometheus is to stop, too, when nobody waits any more.
            "timeout": f"{ANSWER_SECONDS:g}s",
        }
        headers = {}
        if self._authorization_file is not None:
            headers["Authorization"] = _authorization(self._authorization_file)
        body = bytearray()
        async with self._client.stream("POST", self._url, data=form, headers=headers) as response:
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise PrometheusError(f"Prometheus answered over {MAX_ANSWER_BYTES} bytes")
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


def _points(status: int, body: bytes) -> list[Point]:
    try:
        answer = _decode(body)
        result = [] if answer.data is None else answer.data.result[:1]
        points = [(when, float(value)) for series in result for when, value in series.values]
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise PrometheusError(f"Prometheus answered {status}, and not as Prometheus does") from None
    if answer.status != "success":
        raise PrometheusError(f"Prometheus answered {status}: {answer.error[:MAX_DETAIL]}")
    return [(when, value) for when, value in points if isfinite(value)]
