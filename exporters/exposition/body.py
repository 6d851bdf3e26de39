"""Puts the body of an answer together from the pieces of the families and sources asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporters.exposition.families.family import Family, Kind, RowsT, SourceFamily
from exporters.exposition.gzip_parts import Deflated, deflate, join
from exporters.exposition.render import Exposition, Pieces
from exporters.exposition.text_format import Format, header


@dataclass(frozen=True, slots=True)
class Selection:
    """The families and sources that a scrape asks for; empty sets mean all of them."""

    names: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def has_family(self, family: Family) -> bool:
        """Whether `family` is asked for, by the name on its samples or on its TYPE line."""
        return not self.names or family.name in self.names or type_name(family) in self.names


EVERYTHING = Selection()


def type_name(family: Family) -> str:
    """The family's name as OpenMetrics has it on the TYPE line."""
    return family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name


def assemble(exposition: Exposition[RowsT], selection: Selection, format_: Format) -> Deflated:
    """The selected part of `exposition` in `format_`, compressed."""
    return join(_parts(exposition, selection, format_))


def _parts(
    exposition: Exposition[RowsT], selection: Selection, format_: Format
) -> Iterator[Deflated]:
    """Row pieces as they are, and all the text between two of them as one part."""
    sources = [
        pieces
        for name, pieces in exposition.sources.items()
        if not selection.sources or name in selection.sources
    ]
    layout = exposition.layout
    text: list[bytes] = []
    for family in filter(selection.has_family, (*layout.source_families, *layout.row_families)):
        text.append(header(family, format_))
        if isinstance(family, SourceFamily):
            text.extend(pieces.lines[family.name] for pieces in sources)
        elif rows := _rows(sources, family):
            yield deflate(text)
            text = []
            yield from rows
    yield deflate(text)


def _rows(sources: list[Pieces], family: Family) -> list[Deflated]:
    return [
        piece
        for pieces in sources
        if (piece := pieces.rows.get(family.name)) is not None and piece.size
    ]
