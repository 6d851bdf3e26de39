"""HTTP answers that starlette does not have."""

import asyncio
from collections.abc import Iterable, Mapping

from msgspec.json import Encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SEND_BYTES = 256 * 1024
"""What is handed to the transport at once, so that a slow client costs no more than that."""

_encode = Encoder().encode


class JsonAnswer(Response):
    """`content` as JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """The body."""
        return _encode(content)


class ChunkedAnswer(Response):
    """A body of known length that comes in pieces, each made when its turn has come."""

    def __init__(
        self, chunks: Iterable[bytes], length: int, media_type: str, headers: Mapping[str, str]
    ) -> None:
        self._chunks = chunks
        super().__init__(media_type=media_type, headers={**headers, "content-length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send it."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        for chunk in self._chunks if scope["method"] != "HEAD" else ():
            view = memoryview(chunk)
            for start in range(0, len(view), SEND_BYTES):
                body = view[start : start + SEND_BYTES]
                await send({"type": "http.response.body", "body": body, "more_body": True})
                # A client that keeps up never makes `send` wait: let others have their turn.
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
