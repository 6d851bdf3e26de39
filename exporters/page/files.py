"""The page's own files, and their answers."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that goes out as it is."""

    content: bytes
    media_type: str
    etag: str

    async def answer(self, request: Request) -> Response:
        """The file, unless the browser has it: asked each time, so an upgrade shows at once."""
        headers = {"cache-control": "no-cache", "etag": self.etag}
        if has_current(request, self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def read_file(name: str, media_type: str) -> PageFile:
    """One of the files beside this module."""
    content = (files("exporters.page") / name).read_bytes()
    return PageFile(content, media_type, f'"{sha256(content).hexdigest()[:16]}"')


def has_current(request: Request, etag: str) -> bool:
    """Whether the client says that it has what `etag` names."""
    known = request.headers.get("if-none-match", "")
    return etag in (one.strip().removeprefix("W/") for one in known.split(","))
