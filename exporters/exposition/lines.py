"""Writes the lines of a family's samples, a chunk of rows at a time.

The labels of a row are the same in all families, so their text is made once and kept. An example
with the family `shares`, two rows and the values 5 and 6; `_` stands for a space:

    labels       source="a",downstream_id="1"}_        source="a",downstream_id="2"}_
    lines        shares{source="a",downstream_id="1"} 5
                 shares{source="a",downstream_id="2"} 6

One `join` makes all lines of a chunk, in the processor's cache and at C speed.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import compress

from exporters.exposition.families.family import Column, Texts
from exporters.exposition.text_format import escape_all, numbers
from stats_gateway.rows.unknown import Unknown

CHUNK_ROWS = 2048
"""Lines made at once: few enough to stay in the processor's cache on their way to compression."""


def make_labels(labels: Sequence[str]) -> list[bytes]:
    """The escaped `labels` of some rows, which lack the braces, each up to where its value goes."""
    return _encode_all("", labels, "} ")


def sample_lines(
    name: str,
    labels: list[bytes],
    column: Column,
    details: Sequence[tuple[str, Texts]],
    reason: str | None = None,
) -> Iterator[bytes]:
    """The lines of the family `name`, a chunk at a time, without those of unknown value.

    `details` are further labels with their texts, and `reason` is a label that has the same value
    in all lines. They come before the others, whose text ends with the brace.
    """
    if isinstance(column, Unknown):
        return
    details = [(detail, texts) for detail, texts in details if not isinstance(texts, Unknown)]
    start = f"\n{name}{{" if reason is None else f'\n{name}{{reason="{reason}",'
    start_of_line = start.encode()
    for first in range(0, len(labels), CHUNK_ROWS):
        chunk = slice(first, first + CHUNK_ROWS)
        values = column[chunk]
        if not isinstance(values, array) and values.count(None) == len(values):
            continue
        encoded = numbers(values)
        columns = [_more_labels(detail, texts[chunk]) for detail, texts in details]
        columns += [labels[chunk], encoded.split(b",")]
        if b"n" in encoded:
            known = [value != b"null" for value in columns[-1]]
            columns = [list(compress(one, known)) for one in columns]
        if columns[-1]:
            yield _join(start_of_line, columns)


def _join(start: bytes, columns: Sequence[list[bytes]]) -> bytes:
    """`start` and an item of each of `columns` for each line; `start` begins with a line break."""
    width = len(columns) + 1
    parts = [start] * (width * len(columns[0]))
    for place, column in enumerate(columns, start=1):
        parts[place::width] = column
    parts[0] = start[1:]
    parts.append(b"\n")
    return b"".join(parts)


def _more_labels(name: str, texts: Texts) -> list[bytes]:
    if None in texts or "" in texts:
        escaped = escape_all([text or "" for text in texts])
        return _encode_all("", [f'{name}="{text}",' if text else "" for text in escaped], "")
    return _encode_all(f'{name}="', escape_all(texts), '",')  # type: ignore[arg-type]  # all known


def _encode_all(before: str, texts: Sequence[str], after: str) -> list[bytes]:
    """Each of the escaped `texts` between `before` and `after`, in UTF-8.

    It takes three calls for all texts, since none of them has a line break.
    """
    joined = f"{after}\n{before}".join(texts)
    return f"{before}{joined}{after}".encode().split(b"\n") if texts else []
