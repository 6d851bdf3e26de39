"""Makes the HTTP answers that starlette does not have."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from msgspec.json import Encoder
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

SEND_BYTES = 256 * 1024
"""The largest piece that is handed to the transport: a slow client holds no more memory."""

_encode = Encoder().encode


class JsonAnswer(Response):
    """`content` as JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """The body."""
        return _encode(content)


def streamed(
    request: Request,
    chunks: Iterable[bytes],
    length: int,
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """An answer of known length whose pieces are made one by one, while the client is there."""
    body = _slices(chunks if request.method != "HEAD" else ())
    headers = {**headers, "content-length": str(length)}
    return StreamingResponse(body, media_type=media_type, headers=headers)


async def _slices(chunks: Iterable[bytes]) -> AsyncIterator[memoryview]:
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), SEND_BYTES):
            yield view[start : start + SEND_BYTES]
            # A client that keeps up never makes the server wait: others are to have their turn.
            await asyncio.sleep(0)


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON error that says what was wrong."""
    return JsonAnswer({"error": detail}, status_code=status, headers=headers)


async def on_http_error(_request: Request, exc: Exception) -> Response:
    """Errors of routing (404, 405) in our own form."""
    status = getattr(exc, "status_code", 500)
    detail = getattr(exc, "detail", "internal error")
    return error(status, str(detail), getattr(exc, "headers", None))


def has_current(request: Request, etag: str) -> bool:
    """Whether the client says that it has what `etag` names."""
    known = request.headers.get("if-none-match", "")
    return etag in (one.strip().removeprefix("W/") for one in known.split(","))
