"""From sources to pieces of the exposition, column by column, with what did not change kept.

What rows' lines have in common is kept for as long as the rows' identities stay, and a family's
compressed piece for as long as none of its values change. What is rendered is compressed a chunk at
a time, so the text is never held whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Generic

from exporters.exposition.families.family import Column, Layout, RowFamily, RowsT, Texts
from exporters.exposition.gzip_parts import Deflated, Deflater
from exporters.exposition.lines import lines_of, sample_lines, template_lines, templates
from exporters.exposition.text_format import escape, escape_all, sample
from stats_gateway.rows.rows import take
from stats_gateway.rows.runs import runs
from stats_gateway.store.sources import Source, View


@dataclass(frozen=True, slots=True)
class Pieces:
    """One source's share of the exposition, by family name."""

    lines: Mapping[str, bytes]
    """Of source families: a few lines each."""
    rows: Mapping[str, Deflated]
    """Of row families."""


@dataclass(frozen=True, slots=True)
class Exposition(Generic[RowsT]):
    """Everything to expose at one moment, by source."""

    layout: Layout[RowsT]
    sources: Mapping[str, Pieces]


class Renderer(Generic[RowsT]):
    """Renders view after view; for one thread."""

    def __init__(self, layout: Layout[RowsT], max_downstreams_exposed: int | None) -> None:
        self._layout = layout
        self._max_rows = max_downstreams_exposed
        self._deflater = Deflater()
        self._sources: dict[str, SourceRenderer[RowsT]] = {}

    def render(self, view: View) -> Exposition[RowsT]:
        """The exposition of `view`, sources in order of name."""
        known, self._sources = self._sources, {}
        pieces = {}
        for name in sorted(view.sources):
            renderer = known.get(name) or SourceRenderer(self._layout, name, self._max_rows)
            pieces[name] = renderer.render(view.sources[name], self._deflater)
            self._sources[name] = renderer
        return Exposition(self._layout, pieces)


class SourceRenderer(Generic[RowsT]):
    """Renders one source again and again."""

    def __init__(self, layout: Layout[RowsT], name: str, max_rows: int | None) -> None:
        self._layout = layout
        self._max_rows = max_rows
        self._identities = Identities(layout, name)
        self._source: Source | None = None
        self._rows: RowsT | None = None
        self._columns: dict[str, _RenderedColumn] = {}
        self._pieces = Pieces({}, {})

    def render(self, source: Source, deflater: Deflater) -> Pieces:
        """The pieces of `source`: the same object where nothing changed."""
        if source is not self._source:
            rows = self._layout.rows(source)
            hidden = 0 if rows is None else self._hidden(len(rows))
            if rows is not self._rows:
                self._columns = self._render_rows(rows, deflater)
            self._source, self._rows = source, rows
            self._pieces = Pieces(
                lines=self._lines(source, hidden),
                rows={name: column.piece for name, column in self._columns.items()},
            )
        return self._pieces

    def _hidden(self, count: int) -> int:
        return 0 if self._max_rows is None else max(0, count - self._max_rows)

    def _lines(self, source: Source, hidden: int) -> dict[str, bytes]:
        return {
            family.name: b"".join(
                sample(family, (source.name, *label_values), value)
                for label_values, value in family.samples(source, hidden)
            )
            for family in self._layout.source_families
        }

    def _render_rows(self, rows: RowsT | None, deflater: Deflater) -> dict[str, "_RenderedColumn"]:
        if rows is None:
            self._identities.forget()
            return {}
        shown = rows if not self._hidden(len(rows)) else _top(rows, self._max_rows or 0)
        same = self._identities.update(shown)
        return {
            family.name: self._render_family(family, shown, deflater, same=same)
            for family in self._layout.row_families
        }

    def _render_family(
        self, family: RowFamily[RowsT], rows: RowsT, deflater: Deflater, *, same: bool
    ) -> "_RenderedColumn":
        before = self._columns.get(family.name) if same else None
        values = family.values(rows)
        details = [(name, column(rows)) for name, column in family.details]
        if before is not None and before.values == values and before.details == details:
            return before
        lines = sample_lines(family.name, self._identities.templates, values, details)
        return _RenderedColumn(values, details, deflater.deflate(lines))


@dataclass(frozen=True, slots=True)
class _RenderedColumn:
    values: Column
    details: Sequence[tuple[str, Texts]]
    piece: Deflated


class Identities(Generic[RowsT]):
    """What the lines of a row have in common, kept while the row is the same row."""

    def __init__(self, layout: Layout[RowsT], source: str) -> None:
        self._layout = layout
        first, second, third = layout.row_labels
        self._before_id = f'{{{first}="{escape(source)}",{second}="'
        self._before_third = f'",{third}="'
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self._ids: Sequence[int] = ()
        self._thirds: Sequence[str] = ()
        self.templates: list[bytes] = []

    def update(self, rows: RowsT) -> bool:
        """Make `templates` those of `rows`; True where none of them changed."""
        ids, thirds = rows.downstream_id, self._layout.third_label(rows)
        if ids == self._ids and thirds == self._thirds:
            return True
        lines = self._updated(ids, thirds)
        self.templates = templates(lines)
        self._ids, self._thirds = ids, thirds
        return False

    def _updated(self, ids: Sequence[int], thirds: Sequence[str]) -> list[bytes]:
        before = [line for template in self.templates for line in lines_of(template)]
        lines: list[bytes] = []
        for old, new, length in runs(self._ids, ids):
            if self._thirds[old : old + length] == thirds[new : new + length]:
                lines += self._render(ids[len(lines) : new], thirds[len(lines) : new])
                lines += before[old : old + length]
        return lines + self._render(ids[len(lines) :], thirds[len(lines) :])

    def _render(self, ids: Sequence[int], thirds: Sequence[str]) -> list[bytes]:
        return template_lines(
            [
                f'{self._before_id}{id_}{self._before_third}{third}"'
                for id_, third in zip(ids, escape_all(thirds), strict=True)
            ]
        )


def _top(rows: RowsT, count: int) -> RowsT:
    """The `count` rows of the highest hashrate, in the order they had."""
    hashrates = [-1.0 if rate is None else rate for rate in rows.hashrate]
    indexes = nlargest(count, range(len(hashrates)), key=hashrates.__getitem__)
    return take(rows, sorted(indexes))
