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
from stats_gateway.rows.unknown import Unknown

Number = TypeVar("Number", int, float)
Text = TypeVar("Text", bound=str | None)
Sent = TypeVar("Sent")
Kept = TypeVar("Kept")

U32, U64, DOUBLE = "I", "Q", "d"
"""Type codes of arrays. Signed types take six times as long to fill as unsigned ones."""


class NumberBuilder(Generic[Number]):
    """Builds an array of one machine type; a list once a number is unknown or needs a sign.

    While nothing is known, only the number of rows is kept.
    """

    def __init__(self, typecode: str) -> None:
        self._known: array[Number] = array(typecode)
        self._mixed: list[Number | None] | None = None
        self._unknown = 0

    def add(self, numbers: list[Number | None]) -> None:
        """Add a batch. Raises `MessageRefused` where a number does not fit the machine type."""
        if self._mixed is None:
            if not self._known and numbers.count(None) == len(numbers):
                self.add_unknown(len(numbers))
                return
            if not self._unknown and self._fits(numbers):
                return
            self._mixed = list(self._known) + [None] * self._unknown
        self._mixed += numbers

    def add_unknown(self, count: int) -> None:
        """Add a batch of `count` rows of which nothing is known."""
        if self._mixed is None and not self._known:
            self._unknown += count
        else:
            self.add([None] * count)

    def _fits(self, numbers: list[Number | None]) -> bool:
        """Add `numbers` to the array, and nothing of them where one is unknown or has a sign."""
        try:
            self._known.fromlist(numbers)  # type: ignore[arg-type]  # None raises TypeError
        except TypeError:
            return False
        except OverflowError as error:
            if all(number is None or number >= 0 for number in numbers):
                detail = f"a number is too large: {error}"
                raise MessageRefused(Reason.MALFORMED, detail) from error
            return False
        return True

    @property
    def column(self) -> Sequence[Number | None]:
        """All numbers that were added."""
        if self._mixed is not None:
            return self._mixed
        return Unknown(self._unknown) if self._unknown else self._known


class MeasurementBuilder(NumberBuilder[float]):
    """Builds measured values: NaN, infinities and values too low are unknown, and count as dropped.

    A `-0.0`, which some languages make of a sum of nothing, becomes 0.0.
    """

    def __init__(self, dropped: Dropped, lowest: float = 0.0) -> None:
        super().__init__(DOUBLE)
        self._dropped = dropped
        self._lowest = lowest

    def add(self, numbers: list[float | None]) -> None:
        """Add a batch."""
        least = _least_of_possible(numbers)
        if least is None:
            if numbers.count(None) < len(numbers):
                numbers = [possible(number, self._dropped, self._lowest) for number in numbers]
        elif least < self._lowest:
            numbers = [possible(number, self._dropped, self._lowest) for number in numbers]
        elif least <= 0:
            numbers = list(map(_NO_SIGN, numbers))  # type: ignore[arg-type]  # all are known here
        super().add(numbers)


def possible(number: float | None, dropped: Dropped, lowest: float = 0.0) -> float | None:
    """`number`, or None where it cannot be, which is counted in `dropped`."""
    if number is None:
        return None
    if not isfinite(number):
        dropped[DroppedValue.NOT_A_NUMBER] += 1
        return None
    if number < lowest:
        dropped[DroppedValue.NEGATIVE] += 1
        return None
    return number + 0.0


_NO_SIGN = (0.0).__add__
"""Makes 0.0 of -0.0, and leaves every other number as it is."""


def _least_of_possible(numbers: list[float | None]) -> float | None:
    """The lowest of `numbers`; None unless all are known and finite. Three calls for the batch."""
    try:
        return min(numbers, default=1.0) if isfinite(sum(numbers)) else None  # type: ignore[arg-type,type-var]  # None raises TypeError
    except TypeError:
        return None


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
        self._unknown = 0

    def add(self, texts: list[Text]) -> None:
        """Add a batch."""
        if not self._texts:
            if texts.count(None) == len(texts):  # type: ignore[arg-type]  # never there in some
                self._unknown += len(texts)
                return
            self._texts = [None] * self._unknown  # type: ignore[list-item]  # none where none is
        start = len(self._texts)
        before = self._before[start : start + len(texts)]
        self._texts += before if before == texts else self._clean(texts)

    @property
    def column(self) -> Sequence[Text]:
        """All texts: the column of the snapshot before itself where nothing changed."""
        if self._unknown and not self._texts:
            return Unknown(self._unknown)  # type: ignore[return-value]  # only of texts or None
        return self._before if self._before == self._texts else self._texts


class EachBuilder(Generic[Sent, Kept]):
    """Builds a column of objects, each made of what was sent by a call of its own."""

    def __init__(self, make: Callable[[Sent], Kept]) -> None:
        self._make = make
        self.column: list[Kept] = []

    def add(self, sent: list[Sent]) -> None:
        """Add a batch."""
        self.column += map(self._make, sent)
