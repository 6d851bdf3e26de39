"""Reads what all questions to Prometheus have in common, and says why a question has no answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from exporters.errors import PrometheusBusy, PrometheusError

MAX_NAME = 256
"""Characters of the name of a source or a miner: no series has a longer name."""

RETRY = {"retry-after": "1"}
"""The header of an answer to come again: Prometheus answers a question in about a second."""

T = TypeVar("T")


def configured(history: T | None) -> T:
    """`history`, or the error that says which setting is missing. Raises HTTPException."""
    if history is None:
        raise HTTPException(503, "history needs Prometheus: set history.prometheus_url")
    return history


@contextmanager
def unavailable_for_now() -> Iterator[None]:
    """Make an HTTPException of whatever keeps Prometheus from answering."""
    try:
        yield
    except PrometheusBusy as busy:
        raise HTTPException(503, str(busy), RETRY) from busy
    except PrometheusError as failure:
        raise HTTPException(503, str(failure)) from failure


def source_of(request: Request) -> str | None:
    """The source that the question is narrowed to. Raises HTTPException."""
    source = request.query_params.get("source")
    return None if source is None else short("source", source)


def short(what: str, text: str) -> str:
    """`text`, unless it is longer than any name. Raises HTTPException."""
    if not 0 < len(text) <= MAX_NAME:
        raise HTTPException(400, f"{what} must have from 1 to {MAX_NAME} characters")
    return text
