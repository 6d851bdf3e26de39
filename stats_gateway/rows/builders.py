"""Columns while they grow, batch after batch: as small as they can be, and close together.

Objects that live from one snapshot to the next end up scattered over the whole memory, and reading
a column of them costs a cache miss a value. Numbers are kept as machine numbers instead, and texts
that did not change are those of the snapshot before: next to nothing outlives its batch.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Generic, TypeVar

from stats_gateway.errors import Dropped, DroppedValue, MessageRefused, Reason
from stats_gateway.rows.runs import Run, runs

Number = TypeVar("Number", int, float)
Text = TypeVar("Text", bound=str | None)

U32, U64, DOUBLE = "I", "Q", "d"
"""Type codes of arrays. Signed ones take six times as long to fill as unsigned ones."""


class NumberColumn(Generic[Number]):
    """Numbers of one machine type; a plain list once one of them is unknown, or needs a sign."""

    def __init__(self, typecode: str) -> None:
        self._known: array[Number] = array(typecode)
        self._mixed: list[Number | None] | None = None

    def extend(self, values: list[Number | None]) -> None:
        """Add a batch's values. Raises `MessageRefused` where one does not fit the type."""
        if self._mixed is None:
            try:
                self._known.fromlist(values)  # type: ignore[arg-type]  # None is what TypeError tells
            except TypeError:
                pass
            except OverflowError as error:
                if all(value is None or value >= 0 for value in values):
                    detail = f"a number is too large: {error}"
                    raise MessageRefused(Reason.MALFORMED, detail) from error
            else:
                return
            self._mixed = list(self._known)
        self._mixed += values

    @property
    def values(self) -> Sequence[Number | None]:
        """The column."""
        return self._known if self._mixed is None else self._mixed


class MeasurementColumn(NumberColumn[float]):
    """Hashrates or work: NaN, infinities and negatives count as dropped and are unknown."""

    def __init__(self, dropped: Dropped, *, required: bool) -> None:
        """A required one that is sent as null was NaN, which JSON cannot say."""
        super().__init__(DOUBLE)
        self._dropped = dropped
        self._required = required

    def extend(self, values: list[float | None]) -> None:
        """Add a batch's values."""
        super().extend(values if _are_fine(values) else list(map(self._checked, values)))

    def _checked(self, value: float | None) -> float | None:
        if value is None:
            self._dropped[DroppedValue.NOT_A_NUMBER] += self._required
            return None
        if not isfinite(value):
            self._dropped[DroppedValue.NOT_A_NUMBER] += 1
            return None
        if value < 0:
            self._dropped[DroppedValue.NEGATIVE] += 1
            return None
        return value


def _are_fine(values: list[float | None]) -> bool:
    """Whether all are known, finite and no less than 0; asked at C speed."""
    try:
        return isfinite(sum(values)) and min(values, default=0.0) >= 0  # type: ignore[arg-type,type-var,operator]  # None raises TypeError
    except TypeError:
        return False


class IdColumn(NumberColumn[int]):
    """The ids of the rows, and where each batch's stood in the snapshot before.

    Senders keep their rows in order: what stood before those of the last batch is passed for good.
    """

    def __init__(self, before: Sequence[int]) -> None:
        super().__init__(U32)
        self._before = before
        self._passed = 0
        self.places: Sequence[Run] = ()
        """Of the last batch."""

    def extend(self, values: list[int | None]) -> None:
        """Add a batch's ids. Raises `MessageRefused` where one does not fit 32 bits."""
        start = len(self.values)
        super().extend(values)
        self.places = list(runs(self._before, self._known[start:], self._passed))
        if self.places:
            self._passed = self.places[-1].old + self.places[-1].length


class TextColumn(Generic[Text]):
    """Texts, made safe where they are not those of the same row in the snapshot before."""

    def __init__(
        self, previous: Sequence[Text], clean: Callable[[Sequence[Text]], Sequence[Text]]
    ) -> None:
        self._previous = previous
        self._clean = clean
        self._values: list[Text] = []
        self._same = True

    def extend(self, texts: list[Text], places: Iterable[Run]) -> None:
        """Add a batch's texts, of whose rows those at `places` were in the snapshot before."""
        added = 0
        for old, new, length in places:
            if added < new:
                self._add(texts[added:new])
            added = new + length
            before = self._previous[old : old + length]
            if before == texts[new:added]:
                self._values += before
            else:
                self._add(texts[new:added])
        if added < len(texts):
            self._add(texts[added:])

    def _add(self, texts: list[Text]) -> None:
        self._values += self._clean(texts)
        self._same = False

    @property
    def values(self) -> Sequence[Text]:
        """The column: the very one of the snapshot before where nothing changed."""
        same = self._same and len(self._values) == len(self._previous)
        return self._previous if same else self._values
