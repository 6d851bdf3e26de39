"""Renders sources to compressed pieces of the exposition, and keeps the pieces that did not change.

A piece is one family of one source. Example: the source `a` sends two miners, and between two
snapshots only their hashrates change. Then the piece of `stratum_proxy_miner_info` is the same
object as before, and only `stratum_proxy_miner_hashrate_hashes_per_second` is rendered again:

    stratum_proxy_miner_hashrate_hashes_per_second{source="a",downstream_id="1",name="x"} 1.5e14
    stratum_proxy_miner_hashrate_hashes_per_second{source="a",downstream_id="2",name="y"} 2.5e14

The text of their labels is kept as long as the rows have the same ids and names (see `lines`). The
text of a piece is compressed a chunk at a time and never held whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nlargest
from itertools import chain, islice
from typing import Generic

from exporters.exposition.families.family import ByReason, Column, Layout, RowFamily, RowsT, Texts
from exporters.exposition.gzip_parts import Deflated, deflate
from exporters.exposition.lines import CHUNK_ROWS, make_labels, sample_lines
from exporters.exposition.text_format import escape, escape_all, sample
from stats_gateway.rows.rows import take
from stats_gateway.rows.share_sightings import same_rows
from stats_gateway.store.sources import Source, View


@dataclass(frozen=True, slots=True)
class Pieces:
    """The part of the exposition that belongs to one source, by the names of the families."""

    lines: Mapping[str, bytes]
    """The lines of source families: a few of each."""
    rows: Mapping[str, Deflated]
    """The lines of row families, compressed."""


@dataclass(frozen=True, slots=True)
class Exposition(Generic[RowsT]):
    """Everything to expose at one moment, by source."""

    layout: Layout[RowsT]
    sources: Mapping[str, Pieces]


class Renderer(Generic[RowsT]):
    """Renders one view after the other; only one thread may use it."""

    def __init__(self, layout: Layout[RowsT], max_downstreams_exposed: int | None) -> None:
        self._layout = layout
        self._max_rows = max_downstreams_exposed
        self._sources: dict[str, SourceRenderer[RowsT]] = {}

    def render(self, view: View) -> Exposition[RowsT]:
        """The exposition of `view`, sources in order of name."""
        known, self._sources = self._sources, {}
        pieces = {}
        for name in sorted(view.sources):
            renderer = known.get(name) or SourceRenderer(self._layout, name, self._max_rows)
            pieces[name] = renderer.render(view.sources[name])
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
        self._families: dict[str, _RenderedFamily] = {}
        self._pieces = Pieces({}, {})

    def render(self, source: Source) -> Pieces:
        """The pieces of `source`: the same object where nothing changed."""
        if source is not self._source:
            rows = self._layout.rows(source)
            hidden = 0 if rows is None else self._hidden(len(rows))
            if rows is not self._rows:
                self._families = self._render_rows(rows)
            self._source, self._rows = source, rows
            self._pieces = Pieces(
                lines=self._lines(source, hidden),
                rows={name: family.piece for name, family in self._families.items()},
            )
        return self._pieces

    def _hidden(self, count: int) -> int:
        return 0 if self._max_rows is None else max(0, count - self._max_rows)

    def _lines(self, source: Source, hidden: int) -> dict[str, bytes]:
        return {
            family.name: b"".join(
                sample(family, (source.name, *label_values), value)
                for label_values, value in islice(
                    family.samples(source, hidden), self._max_rows if family.is_list else None
                )
            )
            for family in self._layout.source_families
        }

    def _render_rows(self, rows: RowsT | None) -> dict[str, "_RenderedFamily"]:
        if rows is None:
            self._identities.forget()
            return {}
        shown = rows if not self._hidden(len(rows)) else _top(rows, self._max_rows or 0)
        same = self._identities.update(shown)
        return {
            family.name: self._render_family(family, shown, same=same)
            for family in self._layout.row_families
        }

    def _render_family(
        self, family: RowFamily[RowsT], rows: RowsT, *, same: bool
    ) -> "_RenderedFamily":
        before = self._families.get(family.name) if same else None
        values = family.values(rows)
        details = [(name, column(rows)) for name, column in family.details]
        if before is not None and before.values == values and before.details == details:
            return before
        write = partial(sample_lines, family.name, self._identities.labels)
        if isinstance(values, Mapping):
            by_reason = (write(column, details, reason) for reason, column in values.items())
            return _RenderedFamily(values, details, deflate(chain.from_iterable(by_reason)))
        return _RenderedFamily(values, details, deflate(write(values, details)))


@dataclass(frozen=True, slots=True)
class _RenderedFamily:
    values: Column | ByReason
    details: Sequence[tuple[str, Texts]]
    piece: Deflated


class Identities(Generic[RowsT]):
    """The labels of the rows of one source, kept as long as they are the same."""

    def __init__(self, layout: Layout[RowsT], source: str) -> None:
        self._layout = layout
        first, second, third = layout.row_labels
        self._before_id = f'{first}="{escape(source)}",{second}="'
        self._before_third = f'",{third}="'
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self._ids: Sequence[int] = ()
        self._thirds: Sequence[str] = ()
        self.labels: list[bytes] = []

    def update(self, rows: RowsT) -> bool:
        """Make `labels` those of `rows`; True where none of them changed."""
        ids, thirds = rows.downstream_id, self._layout.third_label(rows)
        if ids == self._ids and thirds == self._thirds:
            return True
        labels, new, end = [b""] * len(ids), list[int](), 0
        for before, after, length in same_rows(self._ids, ids):
            if self._thirds[before : before + length] == thirds[after : after + length]:
                labels[after : after + length] = self.labels[before : before + length]
                new += range(end, after)
                end = after + length
        new += range(end, len(ids))
        for start in range(0, len(new), CHUNK_ROWS):
            places = new[start : start + CHUNK_ROWS]
            made = self._made([ids[place] for place in places], [thirds[place] for place in places])
            for place, label in zip(places, made, strict=True):
                labels[place] = label
        self.labels, self._ids, self._thirds = labels, ids, thirds
        return False

    def _made(self, ids: Sequence[int], thirds: Sequence[str]) -> list[bytes]:
        before_id, before_third = self._before_id, self._before_third
        pairs = zip(ids, escape_all(thirds), strict=True)
        return make_labels([f'{before_id}{id_}{before_third}{third}"' for id_, third in pairs])


def _top(rows: RowsT, count: int) -> RowsT:
    """The `count` rows of the highest hashrate, in the order they had."""
    hashrates = [-1.0 if rate is None else rate for rate in rows.hashrate]
    indexes = nlargest(count, range(len(hashrates)), key=hashrates.__getitem__)
    return take(rows, sorted(indexes))
