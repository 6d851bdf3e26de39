"""The lines of a family's samples, made a chunk of rows at a time out of a template.

A template has what the lines of its rows have in common in all families: a newline before every
line, where the family's name goes, and after the last; and in each the labels and a `%b` for the
value. One `replace` and one `%` then make all lines of a chunk at C speed.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, compress

from exporters.exposition.families.family import Column, Texts
from exporters.exposition.text_format import encode_all, escape_all, numbers

CHUNK_ROWS = 2048
"""Lines made at once: few enough to stay in the processor's cache on their way to compression."""

_END = "} %b"
"""Of a line in a template. No label holds it: a percent sign in a label is doubled."""


def template_lines(labels: Sequence[str]) -> list[bytes]:
    """Lines for templates, of rows whose escaped `labels` begin with the brace."""
    ends = f"{_END}\n"
    text = "\n".join(labels).replace("%", "%%").replace("\n", ends) + ends
    return text.encode().split(b"\n")[:-1] if labels else []


def templates(lines: Sequence[bytes]) -> list[bytes]:
    """`lines` as templates of `CHUNK_ROWS` each."""
    starts = range(0, len(lines), CHUNK_ROWS)
    return [_template(lines[start : start + CHUNK_ROWS]) for start in starts]


def _template(lines: Sequence[bytes]) -> bytes:
    return b"\n" + b"\n".join(lines) + b"\n"


def lines_of(template: bytes) -> list[bytes]:
    """What `templates` was given."""
    return template.split(b"\n")[1:-1]


def sample_lines(
    name: str,
    templates: Sequence[bytes],
    column: Column,
    details: Sequence[tuple[str, Texts]],
) -> Iterator[memoryview]:
    """The lines of the family `name`, a chunk at a time, without those of unknown value.

    `details` are labels beyond the template's; values beside them are all known, since such a
    family says what a row is and not how much.
    """
    start_of_line = b"\n" + name.encode()
    for place, template in enumerate(templates):
        chunk = slice(place * CHUNK_ROWS, (place + 1) * CHUNK_ROWS)
        encoded = numbers(column[chunk])
        filled, values = template, encoded.split(b",")
        if b"n" in encoded:
            filled, values = _known(template, values)
        elif details:
            columns = [_more_labels(detail, texts[chunk]) for detail, texts in details]
            filled, values = _detailed(template, values, columns)
        if values:
            lines = filled.replace(b"\n", start_of_line) % tuple(values)
            # There is a name after the last newline, too.
            yield memoryview(lines)[1 : -len(name)]


def _known(template: bytes, values: list[bytes]) -> tuple[bytes, list[bytes]]:
    known = [value != b"null" for value in values]
    return _template(list(compress(lines_of(template), known))), list(compress(values, known))


def _more_labels(name: str, texts: Texts) -> list[bytes]:
    escaped = escape_all([text or "" for text in texts])
    return encode_all([f',{name}="{text}"' if text else "" for text in escaped])


def _detailed(
    template: bytes, values: list[bytes], columns: Sequence[list[bytes]]
) -> tuple[bytes, list[bytes]]:
    """With a `%b` more for each of `columns`, and what it stands for."""
    end = _END.encode()
    parts = zip(*columns, values, strict=True)
    return template.replace(end, b"%b" * len(columns) + end), list(chain.from_iterable(parts))
