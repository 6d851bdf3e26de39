"""Chooses format and encoding of an answer by the weights in the request (RFC 9110, section 12).

A part of a header that cannot be understood is ignored, so that no header is ever an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exporters.exposition.text_format import Format

OPENMETRICS_TYPE = "application/openmetrics-text"
_OPENMETRICS_VERSIONS = frozenset({"", "1.0.0"})
_TEXT_TYPES = frozenset({"text/plain", "text/*", "*/*"})
_TEXT_VERSIONS = frozenset({"", "0.0.4"})


@dataclass(frozen=True, slots=True)
class _Choice:
    value: str
    version: str
    weight: float


def choose_format(accept: str) -> Format:
    """The format of the highest weight; the text format where no known format is asked for."""
    best = {Format.TEXT: 0.0, Format.OPENMETRICS: 0.0}
    for choice in _choices(accept):
        if choice.value == OPENMETRICS_TYPE and choice.version in _OPENMETRICS_VERSIONS:
            best[Format.OPENMETRICS] = max(best[Format.OPENMETRICS], choice.weight)
        elif choice.value in _TEXT_TYPES and choice.version in _TEXT_VERSIONS:
            best[Format.TEXT] = max(best[Format.TEXT], choice.weight)
    wants_openmetrics = best[Format.OPENMETRICS] > 0.0
    if wants_openmetrics and best[Format.OPENMETRICS] >= best[Format.TEXT]:
        return Format.OPENMETRICS
    return Format.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the answer may be compressed with gzip."""
    weights = {choice.value: choice.weight for choice in _choices(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0.0


def _choices(header: str) -> Iterator[_Choice]:
    for item in header.lower().split(","):
        value, *parameters = (part.strip() for part in item.split(";"))
        pairs = dict(_parameter(parameter) for parameter in parameters)
        yield _Choice(value, pairs.get("version", ""), _weight(pairs.get("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
