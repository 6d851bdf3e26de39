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


class Texts(list[Text]):
    """A column of texts that are safe to show, with a key for each of its batches.

    The key of `["rig-1", "rig-2"]` is the text "rig-1\\nrig-2". A text that is safe has no line
    break, so batches of equal length and with equal keys are equal; and to compare two keys takes a
    fraction of the time that it takes to compare texts which lie all over the memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str | None] = []
        """None for a batch that was not safe as it was sent."""


class TextBuilder(Generic[Text]):
    """Builds a column of safe texts, out of those of the snapshot before wherever nothing changed.

    So texts are made safe once, and not held twice.
    """

    def __init__(
        self, before: Sequence[Text], clean: Callable[[Sequence[Text]], Sequence[Text]]
    ) -> None:
        self._before = before if isinstance(before, Texts) else Texts[Text]()
        self._clean = clean
        self._texts = Texts[Text]()

    def add(self, texts: list[Text]) -> None:
        """Add a batch."""
        start, place = len(self._texts), len(self._texts.keys)
        key: str | None = _key(texts)
        same = self._before.keys[place : place + 1]
        before = self._before[start : start + len(texts)]
        if same == [key] and len(before) == len(texts):
            self._texts += before
            (key,) = same
        else:
            cleaned = self._clean(texts)
            self._texts += cleaned
            key = key if cleaned is texts else None
        self._texts.keys.append(key)

    @property
    def column(self) -> Sequence[Text]:
        """All texts: the column of the snapshot before itself where nothing changed."""
        return self._before if self._before == self._texts else self._texts


def _key(texts: Sequence[str | None]) -> str:
    try:
        return "\n".join(texts)  # type: ignore[arg-type]  # None raises TypeError
    except TypeError:
        return "\n".join(["" if text is None else text for text in texts])
