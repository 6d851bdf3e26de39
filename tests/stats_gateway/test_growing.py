from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.growing import DOUBLE, U32, U64, NumberColumn, TextColumn

batches = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 2**64 - 1))))


@given(batches)
def test_a_column_of_numbers_holds_what_its_batches_held(batches: list[list[int | None]]) -> None:
    column = NumberColumn[int](U64)
    for batch in batches:
        column.extend(batch)
    assert list(column.values) == [value for batch in batches for value in batch]


def test_numbers_that_are_all_known_are_machine_numbers() -> None:
    column = NumberColumn[float](DOUBLE)
    column.extend([1.5, 2.0])
    assert column.values == array("d", [1.5, 2.0])


def test_a_number_that_no_machine_number_holds_is_refused() -> None:
    column = NumberColumn[int](U32)
    with pytest.raises(MessageRefused) as refused:
        column.extend([1, 2**32])
    assert refused.value.reason is Reason.MALFORMED


def shout(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def grown(previous: list[str], *batches: list[str]) -> TextColumn[str]:
    column = TextColumn[str](previous, lambda texts: shout(list(texts)))
    for batch in batches:
        column.extend(batch)
    return column


def test_texts_that_did_not_change_are_the_very_ones_of_the_snapshot_before() -> None:
    previous = ["A", "B", "C"]
    assert grown(previous, ["A", "B"], ["C"]).values is previous


def test_only_a_batch_that_changed_is_made_safe_again() -> None:
    previous = ["A", "b", "C", "D"]
    column = grown(previous, ["A", "b"], ["c", "D"])
    assert column.values == ["A", "b", "C", "D"]
    assert column.values is not previous


def test_a_shorter_column_is_not_the_one_before() -> None:
    assert grown(["A", "B"], ["A"]).values == ["A"]
