"""Asking Prometheus, or any server that speaks its HTTP API, for one series over time.

Each question takes a thread of a small pool of its own, so that a slow server costs no more than
that and never the event loop.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from math import isfinite
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

import msgspec

from exporters.errors import PrometheusBusy, PrometheusError

ANSWER_SECONDS = 5.0
"""For a whole answer: who waits for a chart has given up by then."""

ABORT_SECONDS = 1.0
"""How long an aborted question may take to free its place: at once, unless it looks up a name."""

MAX_QUESTIONS = 8
"""Asked at once: a Prometheus answers 20 by default, and has boards and rules to serve as well."""

MAX_ANSWER_BYTES = 1 << 20
"""Of one answer: ten times what 1,000 points take."""

READ_BYTES = 64 * 1024

MAX_DETAIL = 200
"""Characters of a server's own error text that are passed on."""

Point = tuple[float, float]
"""Unix seconds, and a value."""


class _Series(msgspec.Struct):
    values: list[tuple[float, str]]


class _Data(msgspec.Struct):
    result: list[_Series] = []


class _Answer(msgspec.Struct):
    """What `/api/v1/query_range` answers."""

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
        self._url = urlsplit(url)
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._authorization_file = authorization_file
        self._threads = ThreadPoolExecutor(MAX_QUESTIONS, thread_name_prefix="prometheus")
        self._open: set[_Exchange] = set()
        self._stopped = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Have every question fail, those under way and those to come."""
        self._stopped = True
        for exchange in self._open:
            exchange.abort()

    async def ask(self, question: Question) -> list[Point]:
        """The points of the one series that answers, oldest first; none where there is no series.

        Raises `PrometheusBusy` and `PrometheusError`.
        """
        if self._stopped:
            raise PrometheusError("the service is stopping")
        if len(self._open) >= MAX_QUESTIONS:
            raise PrometheusBusy(f"{MAX_QUESTIONS} questions to Prometheus are under way")
        exchange = _Exchange(self._connection())
        self._open.add(exchange)
        answering = asyncio.get_running_loop().run_in_executor(
            self._threads, self._answer, exchange, question
        )
        # A thread is free again when it has ended, even if that is after we stopped waiting.
        answering.add_done_callback(lambda done: self._ended(exchange, done))
        try:
            done, _ = await asyncio.wait({answering}, timeout=ANSWER_SECONDS)
        finally:
            if not answering.done():
                exchange.abort()
        if not done:
            await asyncio.wait({answering}, timeout=ABORT_SECONDS)
            raise _too_slow()
        return answering.result()

    def _connection(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        return HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=self._tls)

    def _ended(self, exchange: "_Exchange", done: "asyncio.Future[list[Point]]") -> None:
        self._open.discard(exchange)
        if not done.cancelled():
            done.exception()  # has been told, or nobody waits for it any more

    def _answer(self, exchange: "_Exchange", question: Question) -> list[Point]:
        form = {
            "query": question.expression,
            "start": question.start,
            "end": question.end,
            "step": question.step,
            # Have it stop, too, when nobody waits any more.
            "timeout": f"{ANSWER_SECONDS:g}s",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._authorization_file is not None:
            headers["Authorization"] = _authorization(self._authorization_file)
        path = f"{self._url.path}/api/v1/query_range"
        try:
            status, body = exchange.post(path, urlencode(form), headers)
        except TimeoutError as error:
            raise _too_slow() from error
        except (OSError, HTTPException, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise PrometheusError(f"Prometheus cannot be asked: {reason}") from error
        return _points(status, body)


class _Exchange:
    """One request and its answer, on a connection of their own."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None

    def post(self, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body. Raises OSError, HTTPException and `PrometheusError`."""
        with closing(self._connection) as connection:
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            answer = bytearray()
            with closing(response):
                while piece := response.read1(READ_BYTES):
                    answer += piece
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise PrometheusError(f"Prometheus answered over {MAX_ANSWER_BYTES} bytes")
            return response.status, bytes(answer)

    def abort(self) -> None:
        """Have the thread that waits for it fail now; closing the socket would not wake it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _too_slow() -> PrometheusError:
    return PrometheusError(f"Prometheus did not answer within {ANSWER_SECONDS:g} s")


def _authorization(file: Path) -> str:
    """What the file says now: tokens are renewed. Its text is in no error."""
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
    except (msgspec.DecodeError, ValueError):
        raise PrometheusError(f"Prometheus answered {status}, and not as Prometheus does") from None
    if answer.status != "success":
        raise PrometheusError(f"Prometheus answered {status}: {answer.error[:MAX_DETAIL]}")
    return [(when, value) for when, value in points if isfinite(value)]
