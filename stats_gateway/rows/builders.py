"""Builders put a column together, one batch of rows after the other.

Objects that live from one snapshot to the next end up scattered over the whole memory, and reading
a column of them costs a cache miss for each value. So a builder keeps numbers as machine numbers,
and it keeps the texts of the snapshot before where they are the same: hardly any object outlives
its batch.
"""

from array import array
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Generic, TypeVar

from stats_gateway.errors import Dropped, DroppedValue, MessageRefused, Reason

Number = TypeVar("Number", int, float)
Text = TypeVar("Text", bound=str | None)

U32, U64, DOUBLE = "I", "Q", "d"
"""Type codes of arrays. Signed types take six times as long to fill as unsigned ones."""


class NumberBuilder(Generic[Number]):
    """Builds an array of one machine type; a list once a number is unknown or needs a sign."""

    def __init__(self, typecode: str) -> None:
        self._known: array[Number] = array(typecode)
        self._mixed: list[Number | None] | None = None

    def add(self, numbers: list[Number | None]) -> None:
        """Add a batch. Raises `MessageRefused` where a number does not fit the machine type."""
        if self._mixed is None:
            try:
                self._known.fromlist(numbers)  # type: ignore[arg-type]  # None raises TypeError
            except TypeError:
                pass
            except OverflowError as error:
                if all(number is None or number >= 0 for number in numbers):
                    detail = f"a number is too large: {error}"
                    raise MessageRefused(Reason.MALFORMED, detail) from error
            else:
                return
            self._mixed = list(self._known)
        self._mixed += numbers

    @property
    def column(self) -> Sequence[Number | None]:
        """All numbers that were added."""
        return self._known if self._mixed is None else self._mixed


class MeasurementBuilder(NumberBuilder[float]):
    """Builds hashrates or work: NaN, infinities and negatives are unknown and count as dropped."""

    def __init__(self, dropped: Dropped, *, required: bool) -> None:
        """A required measurement that is sent as null was NaN, which JSON cannot express."""
        super().__init__(DOUBLE)
        self._dropped = dropped
        self._required = required

    def add(self, numbers: list[float | None]) -> None:
        """Add a batch."""
        if _are_possible(numbers):
            super().add(numbers)
        elif numbers.count(None) == len(numbers):
            self._dropped[DroppedValue.NOT_A_NUMBER] += self._required * len(numbers)
            super().add(numbers)
        else:
            super().add(list(map(self._checked, numbers)))

    def _checked(self, number: float | None) -> float | None:
        if number is None:
            self._dropped[DroppedValue.NOT_A_NUMBER] += self._required
            return None
        if not isfinite(number):
            self._dropped[DroppedValue.NOT_A_NUMBER] += 1
            return None
        if number < 0:
            self._dropped[DroppedValue.NEGATIVE] += 1
            return None
        return number


def _are_possible(numbers: list[float | None]) -> bool:
    """Whether all are known, finite and not negative; three calls for the whole batch."""
    try:
        return isfinite(sum(numbers)) and min(numbers, default=0.0) >= 0  # type: ignore[arg-type,type-var,operator]  # None raises TypeError
    except TypeError:
        return False


class TextBuilder(Generic[Text]):
    """Builds a column of texts that are safe to show.

    A batch that equals the same rows of the snapshot before is taken from there: its texts are
    safe already, and they are not held twice.
    """

    def __init__(
        self, before: Sequence[Text], clean: Callable[[Sequence[Text]], Sequence[Text]]
    ) -> None:
        self._before = before
        self._clean = clean
        self._texts: list[Text] = []

    def add(self, texts: list[Text]) -> None:
        """Add a batch."""
        start = len(self._texts)
        before = self._before[start : start + len(texts)]
        self._texts += before if before == texts else self._clean(texts)

    @property
    def column(self) -> Sequence[Text]:
        """All texts: the column of the snapshot before itself where nothing changed."""
        return self._before if self._before == self._texts else self._texts
