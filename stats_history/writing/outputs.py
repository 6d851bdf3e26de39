"""This module knows the two outputs of an import: text files, or blocks for Prometheus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stats_history.errors import HistoryError
from stats_history.writing.blocks import (
    check_data_folder,
    give_to_owner_of,
    head_start,
    make_blocks,
)
from stats_history.writing.programs import find_program
from stats_history.writing.slices import Slice


class Output(Protocol):
    """Takes the text of one slice after the other."""

    @property
    def path(self) -> Path:
        """The file or folder that the operator named."""

    @property
    def home(self) -> Path:
        """The folder for unfinished pieces, from which a rename to the output is one step."""

    @property
    def one_slice(self) -> bool:
        """Whether everything must come as one slice."""

    @property
    def until(self) -> int | None:
        """The unix second from which on nothing may be imported yet, if there is one."""

    def pieces(self, text: Path, piece: Slice, samples: int) -> list[tuple[str, str]]:
        """The renames, (from, to), that make the slice part of the output."""


class TextOutput:
    """One OpenMetrics file; or, when the path is a folder, one for each slice."""

    until = None

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.one_slice = not path.is_dir()
        self.home = self.path.parent if self.one_slice else self.path
        if not self.home.is_dir():
            raise HistoryError(f"there is no folder {self.home} to write to")

    def pieces(self, text: Path, piece: Slice, samples: int) -> list[tuple[str, str]]:
        """The rename of the text file itself."""
        del samples
        name = self.path if self.one_slice else self.path / f"{piece.start}-{piece.end}.om"
        return [(str(text), str(name))]


class BlockOutput:
    """The data directory of a Prometheus, which may be running."""

    one_slice = False

    def __init__(self, folder: Path) -> None:
        check_data_folder(folder)
        self.path = self.home = folder.resolve()
        self.until = head_start(folder)
        self.promtool = find_program("promtool")

    def pieces(self, text: Path, piece: Slice, samples: int) -> list[tuple[str, str]]:
        """The renames of the blocks that promtool makes of the text."""
        del piece
        blocks = make_blocks(self.promtool, text, text.parent, samples)
        text.unlink()
        return self.moves(blocks)

    def moves(self, blocks: Sequence[Path]) -> list[tuple[str, str]]:
        """The renames, (from, to), that make finished blocks part of the data directory."""
        for block in blocks:
            give_to_owner_of(self.path, block)
        return [(str(block), str(self.path / block.name)) for block in blocks]
