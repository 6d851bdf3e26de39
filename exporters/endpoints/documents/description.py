"""Serves the description of the JSON API as OpenAPI, each service its own part."""

import asyncio
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.responses import JsonAnswer
from stats_gateway import __version__
from stats_gateway.wire.services import Service

ONLY = "x-service"
"""The key of what only one service has."""

Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"


@cache
def description(service: Service) -> dict[str, Node]:
    """The description of the API of `service`, read when it is asked for first."""
    folder = files("exporters.endpoints.documents") / "assets"
    whole = yaml.safe_load((folder / "openapi.yaml").read_text("utf-8"))
    # References are followed by hand for parameters: one of another service leaves its list.
    elsewhere = {
        f"#/components/parameters/{name}"
        for name, one in whole["components"]["parameters"].items()
        if _is_elsewhere(one, service)
    }
    whole["info"] |= {"title": service.value, "version": __version__}
    return {key: _part(part, service, elsewhere) for key, part in whole.items()}


def description_routes(service: Service) -> Iterator[Route]:
    """The path of the description."""

    async def answer(_request: Request) -> Response:
        return JsonAnswer(await asyncio.to_thread(description, service))

    yield Route("/api/openapi.json", answer)


def _part(node: Node, service: Service, elsewhere: set[str]) -> Node:
    """`node` without what is of another service."""
    if isinstance(node, dict):
        return {
            key: _part(child, service, elsewhere)
            for key, child in node.items()
            if key != ONLY and not _is_elsewhere(child, service)
        }
    if isinstance(node, list):
        kept = (
            one for one in node if not isinstance(one, dict) or one.get("$ref") not in elsewhere
        )
        return [_part(one, service, elsewhere) for one in kept]
    return node


def _is_elsewhere(node: Node, service: Service) -> bool:
    return isinstance(node, dict) and node.get(ONLY, service.value) != service.value
