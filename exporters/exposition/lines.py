"""Writes the lines of a family's samples, a chunk of rows at a time, with the help of templates.

A template is the text that the lines of some rows have in common in all families. Each line begins
after a line break, where the family's name and a brace go, and has a `%b` for the value. An example
with the family `shares`, two rows and the values 5 and 6:

    template     \\nsource="a",downstream_id="1"} %b\\nsource="a",downstream_id="2"} %b\\n
    lines        shares{source="a",downstream_id="1"} 5
                 shares{source="a",downstream_id="2"} 6

One `replace` and one `%` make all lines of a chunk, in the processor's cache and at C speed.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, compress

from exporters.exposition.families.family import Column, Texts
from exporters.exposition.text_format import encode_all, escape_all, numbers
from stats_gateway.rows.unknown import Unknown

CHUNK_ROWS = 2048
"""Lines made at once: few enough to stay in the processor's cache on their way to compression."""

_END = "} %b"
"""The end of a line in a template. A label never holds this: its percent signs are doubled."""


def make_template(labels: Sequence[str]) -> bytes:
    """The template of up to `CHUNK_ROWS` rows; their escaped `labels` lack the braces."""
    lines = "\n".join(labels).replace("%", "%%").replace("\n", f"{_END}\n")
    return f"\n{lines}{_END}\n".encode()


def sample_lines(
    name: str,
    templates: Sequence[bytes],
    column: Column,
    details: Sequence[tuple[str, Texts]],
    reason: str | None = None,
) -> Iterator[memoryview]:
    """The lines of the family `name`, a chunk at a time, without those of unknown value.

    `details` are further labels with their texts; values beside them are all known, since such a
    family says who a row is. `reason` is a label that has the same value in all lines; it comes
    first, since the search for a single byte, the line break, takes a fifth of any other's time.
    """
    if isinstance(column, Unknown):
        return
    details = [(detail, texts) for detail, texts in details if not isinstance(texts, Unknown)]
    start = f"{name}{{" if reason is None else f'{name}{{reason="{reason}",'
    start_of_line = f"\n{start}".encode()
    for place, template in enumerate(templates):
        chunk = slice(place * CHUNK_ROWS, (place + 1) * CHUNK_ROWS)
        values = column[chunk]
        if not isinstance(values, array) and values.count(None) == len(values):
            continue
        encoded = numbers(values)
        filled, substitutes = template, encoded.split(b",")
        if b"n" in encoded:
            filled, substitutes = _known(filled, substitutes)
        elif details:
            columns = [_more_labels(detail, texts[chunk]) for detail, texts in details]
            filled, substitutes = _detailed(filled, substitutes, columns)
        lines = filled.replace(b"\n", start_of_line) % tuple(substitutes)
        # The start of a line follows the last line break, too.
        yield memoryview(lines)[1 : -len(start)]


def _known(template: bytes, values: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Only the lines whose value is known."""
    known = [value != b"null" for value in values]
    lines = template.split(b"\n")[1:-1]
    return b"\n".join((b"", *compress(lines, known), b"")), list(compress(values, known))


def _more_labels(name: str, texts: Texts) -> list[bytes]:
    escaped = escape_all([text or "" for text in texts])
    return encode_all([f',{name}="{text}"' if text else "" for text in escaped])


def _detailed(
    template: bytes, values: list[bytes], columns: Sequence[list[bytes]]
) -> tuple[bytes, list[bytes]]:
    """The template with one `%b` more for each of `columns`, and the texts to put there."""
    end = _END.encode()
    parts = zip(*columns, values, strict=True)
    return template.replace(end, b"%b" * len(columns) + end), list(chain.from_iterable(parts))
