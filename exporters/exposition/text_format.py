"""Spells families and samples in the text format 0.0.4 and in OpenMetrics 1.0.

Both formats spell samples the same way; only the headers and the end differ.
"""

from array import array
from collections.abc import Sequence
from enum import Enum

from msgspec.json import Encoder

from exporters.exposition.families.family import Column, Family, Kind, Number


class Format(Enum):
    """An exposition format, by its content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"


OPENMETRICS_END = b"# EOF\n"

_encode_json = Encoder().encode


def header(family: Family, format_: Format) -> bytes:
    """The HELP and TYPE lines."""
    name = family.name
    if format_ is Format.OPENMETRICS and family.kind is Kind.COUNTER:
        name = name.removesuffix("_total")
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n".encode()


def escape(value: str) -> str:
    """A label's value as it stands between its quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def escape_all(values: Sequence[str]) -> Sequence[str]:
    """`escape` for many values, of which hardly any needs to be escaped."""
    joined = "".join(values)
    if '"' in joined or "\\" in joined or "\n" in joined:
        return [escape(value) for value in values]
    return values


def sample(family: Family, label_values: Sequence[str], value: Number) -> bytes:
    """One line. A label whose value is empty is left out: to Prometheus the two are the same."""
    pairs = zip(family.labels, label_values, strict=True)
    labels = ",".join(f'{name}="{escape(text)}"' for name, text in pairs if text)
    return f"{family.name}{{{labels}}} ".encode() + _encode_json(value) + b"\n"


def numbers(column: Column) -> bytes:
    """The numbers of a column, separated by commas; `null` where there is none.

    A JSON encoder written in C spells them, whole columns at a time, in a form that both formats
    allow and that reads back to the same number.
    """
    # An array gives its numbers side by side in memory, as fast as they are read.
    return _encode_json(column.tolist() if isinstance(column, array) else column)[1:-1]
