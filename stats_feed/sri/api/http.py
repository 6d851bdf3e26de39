"""This module asks a monitoring API over HTTP, on one connection that is kept open.

The standard library's client is enough: one request at a time, on a thread that may wait. Answers
are bounded in size and a whole reading in time; redirects are not followed.
"""

import contextlib
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from urllib.parse import urlsplit

from stats_feed.polling import Failure, ReadError
from stats_feed.sri.api.reading import Answer, Reader, Reading

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer. `/metrics` of 20,000 channels has about 30 MiB."""

MAX_SECONDS = 60.0
"""For one reading, however many requests it takes: more is no picture of one moment."""

_CHUNK = 256 * 1024
_HEADERS = {"Accept": "application/json, text/plain", "User-Agent": "stats-feed"}


def checked_url(text: str) -> str:
    """Return `text` if it is a URL as `--url` takes it: `http://127.0.0.1:9090`.

    Raises ValueError.
    """
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError(f"{text!r} is not http://HOST:PORT")
    if url.username is not None or url.path not in ("", "/"):
        raise ValueError(f"{text!r}: only scheme, host and port may be given")
    _ = url.port  # raises ValueError when it is no port
    return text.rstrip("/")


class Api:
    """The API at one URL. `timeout` is in seconds, for each step of a request."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._timeout = timeout
        self._connection = self._open(parts.scheme, parts.hostname or "", parts.port)

    def run(self, reader: Reader, clock: Callable[[], float]) -> tuple[Reading, float]:
        """Give `reader` the answers it asks for until it has its reading.

        The second value is the time by `clock` when the first answer was there. Raises ReadError.
        """
        deadline = time.monotonic() + MAX_SECONDS
        try:
            answer = self._get(next(reader), deadline)
            answered = clock()
            while True:
                answer = self._get(reader.send(answer), deadline)
        except StopIteration as done:
            return done.value, answered
        finally:
            reader.close()

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        self._connection.close()

    def _open(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return HTTPConnection(host, port, timeout=self._timeout)

    def _get(self, path: str, deadline: float) -> Answer:
        try:
            return self._ask(path, deadline)
        except TimeoutError as error:
            self.close()
            raise ReadError(Failure.TIMEOUT, f"{path}: no answer in time") from error
        except (OSError, HTTPException) as error:
            self.close()
            raise ReadError(Failure.UNREACHABLE, f"{path}: {_text(error)}") from error
        except ReadError:
            self.close()
            raise

    def _ask(self, path: str, deadline: float) -> Answer:
        is_reused = self._connection.sock is not None
        try:
            self._connection.request("GET", path, headers=_HEADERS)
            response = self._connection.getresponse()
        except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # A server closes an idle connection when it likes; a new one has no such excuse.
            if not is_reused:
                raise
            self.close()
            self._connection.request("GET", path, headers=_HEADERS)
            response = self._connection.getresponse()
        body = bytearray()
        with contextlib.closing(response):
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise ReadError(Failure.TOO_LARGE, f"{path} has more than {MAX_ANSWER} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError
            if response.length:
                raise ReadError(Failure.UNREACHABLE, f"{path}: the answer is cut off")
        if time.monotonic() > deadline:
            raise TimeoutError
        return Answer(response.status, bytes(body))


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
