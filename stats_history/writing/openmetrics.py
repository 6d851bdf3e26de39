"""This module writes OpenMetrics text that `promtool tsdb create-blocks-from` reads."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TextIO

from stats_history.converting.families import Family

MAX_LABEL_BYTES = 128
"""The live services cut names to this length, and imported names must equal the live names."""

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_COPY_BYTES = 1 << 20


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels in the order given, escaped, such as `{source="a",name="rig \\"7\\""}`."""
    pairs = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def label_value(text: str) -> str:
    """A name without control characters, cut to whole characters of MAX_LABEL_BYTES at the most."""
    clean = _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text).encode()
    return clean[:MAX_LABEL_BYTES].decode("utf-8", "ignore")


class Exposition:
    """The families of one file, written side by side and put one after the other at the end.

    OpenMetrics wants each family in one piece, while rows bring a value for several at a time.
    Each family waits in a file of its own in `folder`, so that memory does not grow.
    """

    def __init__(self, folder: Path | None) -> None:
        """Without a folder the samples are counted and not kept."""
        self.samples = 0
        self._folder = folder
        self._files: dict[Family, TextIO] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(
        self, family: Family, labels: str, samples: Iterable[tuple[int, float | None]]
    ) -> None:
        """Add samples to the family's newest series, or begin one; a value of None is left out.

        The samples of one series come in time order, with no other series of the family between.
        """
        prefix = f"{family.name}{labels} "
        lines = [f"{prefix}{value} {at}\n" for at, value in samples if value is not None]
        self.samples += len(lines)
        if lines and self._folder is not None:
            self._file(family, self._folder).writelines(lines)

    def finish(self, target: Path) -> None:
        """Put all families into `target`, have it on the disk, and remove the waiting files."""
        self._open.close()
        with target.open("wb") as out:
            for family, file in self._files.items():
                out.write(_head(family).encode())
                waiting = Path(file.name)
                with waiting.open("rb") as part:
                    shutil.copyfileobj(part, out, _COPY_BYTES)
                waiting.unlink()
            out.write(b"# EOF\n")
            out.flush()
            os.fsync(out.fileno())

    def _file(self, family: Family, folder: Path) -> TextIO:
        if family not in self._files:
            file = (folder / f"{family.name}.part").open("w", encoding="utf-8", newline="\n")
            self._files[family] = self._open.enter_context(file)
        return self._files[family]


def _head(family: Family) -> str:
    name = family.name.removesuffix("_total")
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"
