"""Renders the runbook and the manual of the API once: `/runbook#ALERT` is an alert's entry."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporters.endpoints.page.text.markup import Markup, element, join
from stats_gateway import __version__
from stats_gateway.wire.services import Service

_TITLE = "h1"
_ENTRY = "h3"
_WEB = ("#", "http://", "https://")
"""How a link begins that leads somewhere from here; others lead to files beside the document."""


@dataclass(frozen=True, slots=True)
class Manual:
    """A file of `docs` as a page."""

    html: str
    entries: frozenset[str]
    """What has an entry of its own: in the runbook, the alerts."""

    async def answer(self, _request: Request) -> Response:
        """The whole manual; the part after `#` is for the browser."""
        return HTMLResponse(self.html, headers={"cache-control": "no-cache"})


def read_manual(name: str, service: Service) -> Manual:
    """The manual of that name, as in `runbook`, which is shipped with the service."""
    folder = files("exporters.endpoints.documents") / "assets"
    template = (folder / "manual.html").read_text("utf-8")
    template = Template(template).safe_substitute(service=service.value, version=__version__)
    return rendered((folder / f"{name}.md").read_text("utf-8"), template)


def manual_routes(runbook: Manual, service: Service) -> Iterator[Route]:
    """The paths of the manuals."""
    yield Route("/runbook", runbook.answer)
    yield Route("/api", read_manual("api", service).answer)


def rendered(text: str, template: str) -> Manual:
    """`text`, which is Markdown, as HTML in `template`.

    A heading's id is as GitHub makes it, in small letters; an entry's name is an id, too.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    title = ""
    entries = set()
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", following.content.lower().replace(" ", "-"))
            if token.tag == _TITLE:
                title = following.content
            if token.tag == _ENTRY:
                entries.add(following.content)
                following.children = [_anchor(following.content), *(following.children or ())]
        if token.children:
            token.children = [_breakable(one) for one in _linked(token.children)]
    body = markdown.renderer.render(tokens, markdown.options, {})
    html = Template(template).substitute(title=join([title]), manual=body)
    return Manual(html, frozenset(entries))


def _anchor(name: str) -> Token:
    return Token("html_inline", "", 0, content=element("span", id=name))


def _breakable(token: Token) -> Token:
    """Code such as `shares_rejected_by` may be broken after a `_` or `/` if it has to be."""
    if token.type != "code_inline":
        return token
    parts = re.split(r"(?<=\w[_/])(?=\w)", token.content)
    marked = [part for one in parts for part in (Markup("<wbr>"), one)][1:]
    return Token("html_inline", "", 0, content=element("code", *marked))


def _linked(tokens: Iterable[Token]) -> Iterator[Token]:
    """`tokens` without the links that would lead to a file beside the document."""
    is_open = True
    for token in tokens:
        if token.type == "link_open":
            is_open = str(token.attrs["href"]).startswith(_WEB)
        if is_open or token.type not in ("link_open", "link_close"):
            yield token
