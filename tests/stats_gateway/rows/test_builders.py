from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.rows.builders import DOUBLE, U32, U64, IdColumn, NumberColumn, TextColumn
from stats_gateway.rows.runs import Run

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


def test_a_number_below_zero_is_kept_as_it_is() -> None:
    column = NumberColumn[int](U64)
    column.extend([1, 2])
    column.extend([-3, None])
    column.extend([4])
    assert list(column.values) == [1, 2, -3, None, 4]


def test_a_number_that_no_machine_number_holds_is_refused() -> None:
    column = NumberColumn[int](U32)
    with pytest.raises(MessageRefused) as refused:
        column.extend([1, 2**32])
    assert refused.value.reason is Reason.MALFORMED


def shout(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def grown(previous: dict[int, str], *batches: dict[int, str]) -> TextColumn[str]:
    ids = IdColumn(array(U32, previous))
    column = TextColumn[str](list(previous.values()), lambda texts: shout(list(texts)))
    for batch in batches:
        ids.extend(list(batch))
        column.extend(list(batch.values()), ids.places)
    return column


def test_texts_that_did_not_change_are_the_very_ones_of_the_snapshot_before() -> None:
    values = grown({1: "A", 2: "B", 3: "C"}, {1: "A", 2: "B"}, {3: "C"}).values
    assert values == ["A", "B", "C"]


def test_a_column_that_did_not_change_is_the_very_one_of_the_snapshot_before() -> None:
    previous = ["A", "B"]
    column = TextColumn[str](previous, lambda texts: shout(list(texts)))
    column.extend(["A", "B"], [Run(0, 0, 2)])
    assert column.values is previous


def test_only_a_text_that_changed_is_made_safe_again() -> None:
    previous = {1: "A", 2: "b", 3: "C", 5: "d"}
    assert grown(previous, {1: "a", 3: "C"}, {4: "e", 5: "d"}).values == ["A", "C", "E", "d"]


def test_a_shorter_column_is_not_the_one_before() -> None:
    assert grown({1: "A", 2: "B"}, {1: "A"}).values == ["A"]


id_lists = st.lists(st.integers(0, 20), unique=True).map(sorted)


@given(id_lists, st.lists(id_lists))
def test_places_in_the_snapshot_before_are_those_of_the_same_ids(
    before: list[int], batches: list[list[int]]
) -> None:
    ids = IdColumn(array(U32, before))
    for batch in batches:
        ids.extend(list(batch))
        for old, new, length in ids.places:
            assert before[old : old + length] == batch[new : new + length]
