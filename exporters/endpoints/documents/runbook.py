"""Renders the runbook once, so that each alert's entry is at `/runbook#ALERT` of the service."""

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

from exporters.endpoints.page.text.markup import element

_ALERT_HEADING = "h3"
_WEB = ("#", "http://", "https://")
"""How a link begins that leads somewhere from here; others lead to files beside the document."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """The runbook as a page."""

    html: str
    alerts: frozenset[str]
    """The alerts that have an entry."""

    def routes(self) -> Iterator[Route]:
        """The path of the runbook."""
        yield Route("/runbook", self.answer)

    async def answer(self, _request: Request) -> Response:
        """The whole runbook; the part after `#` is for the browser."""
        return HTMLResponse(self.html, headers={"cache-control": "no-cache"})


def read_runbook() -> Runbook:
    """The runbook that is shipped with the service."""
    folder = files("exporters.endpoints.documents") / "assets"
    return rendered(
        (folder / "runbook.md").read_text("utf-8"), (folder / "runbook.html").read_text("utf-8")
    )


def rendered(text: str, template: str) -> Runbook:
    """`text`, which is Markdown, as HTML in `template`.

    A heading's id is as GitHub makes it, in small letters; an alert's name is an id, too.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    alerts = set()
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", following.content.lower().replace(" ", "-"))
            if token.tag == _ALERT_HEADING:
                alerts.add(following.content)
                following.children = [_anchor(following.content), *(following.children or ())]
        if token.children:
            token.children = list(_linked(token.children))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return Runbook(Template(template).substitute(runbook=body), frozenset(alerts))


def _anchor(name: str) -> Token:
    return Token("html_inline", "", 0, content=element("span", id=name))


def _linked(tokens: Iterable[Token]) -> Iterator[Token]:
    """`tokens` without the links that would lead to a file beside the document."""
    is_open = True
    for token in tokens:
        if token.type == "link_open":
            is_open = str(token.attrs["href"]).startswith(_WEB)
        if is_open or token.type not in ("link_open", "link_close"):
            yield token
