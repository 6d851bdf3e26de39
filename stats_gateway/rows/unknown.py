"""A column of which nothing is known costs no memory and no time for its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import overload


@dataclass(frozen=True, slots=True)
class Unknown(Sequence[None]):
    """A column of `length` values, each of them None."""

    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[None]:
        return repeat(None, self.length)

    @overload
    def __getitem__(self, place: int) -> None: ...
    @overload
    def __getitem__(self, place: slice) -> "Unknown": ...
    def __getitem__(self, place: int | slice) -> "Unknown | None":
        places = range(self.length)[place]
        return Unknown(len(places)) if isinstance(places, range) else None
