from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.rows.builders import DOUBLE, U32, U64, NumberBuilder, TextBuilder

batches = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 2**64 - 1))))


@given(batches)
def test_a_column_of_numbers_holds_what_its_batches_held(batches: list[list[int | None]]) -> None:
    builder = NumberBuilder[int](U64)
    for batch in batches:
        builder.add(batch)
    assert list(builder.column) == [value for batch in batches for value in batch]


def test_numbers_that_are_all_known_are_machine_numbers() -> None:
    builder = NumberBuilder[float](DOUBLE)
    builder.add([1.5, 2.0])
    assert builder.column == array("d", [1.5, 2.0])


def test_a_number_below_zero_is_kept_as_it_is() -> None:
    builder = NumberBuilder[int](U64)
    builder.add([1, 2])
    builder.add([-3, None])
    builder.add([4])
    assert list(builder.column) == [1, 2, -3, None, 4]


def test_a_number_that_no_machine_number_holds_is_refused() -> None:
    builder = NumberBuilder[int](U32)
    with pytest.raises(MessageRefused) as refused:
        builder.add([1, 2**32])
    assert refused.value.reason is Reason.MALFORMED


def shout(texts: Sequence[str]) -> Sequence[str]:
    """Makes texts safe, as it were: they are safe once they are in capitals."""
    return texts if all(map(str.isupper, texts)) else [text.upper() for text in texts]


def built(before: Sequence[str], *batches: list[str]) -> Sequence[str]:
    builder = TextBuilder[str](before, shout)
    for batch in batches:
        builder.add(batch)
    return builder.column


def test_a_column_that_did_not_change_is_the_very_one_of_the_snapshot_before() -> None:
    first = built((), ["A", "B"], ["C"])
    assert built(first, ["A", "B"], ["C"]) is first


def test_texts_of_a_batch_that_did_not_change_are_the_very_ones_of_the_snapshot_before() -> None:
    first = built((), ["A1", "B1"], ["C1"])
    second = built(first, ["".join("A1"), "B1"], ["D1"])
    assert list(second) == ["A1", "B1", "D1"]
    assert second[0] is first[0]


def test_texts_that_are_not_safe_are_made_safe_in_each_snapshot() -> None:
    first = built((), ["a", "B"])
    assert list(first) == ["A", "B"]
    assert list(built(first, ["a", "B"])) == list(built(first, ["A", "B"])) == ["A", "B"]


def test_a_shorter_column_is_not_the_one_before() -> None:
    assert list(built(built((), ["A", "B"]), ["A"])) == ["A"]


texts = st.sampled_from(["A", "b", "A\nB", "", "\n"])


@given(st.lists(st.lists(st.lists(texts, max_size=3), max_size=3), min_size=2, max_size=3))
def test_a_column_never_depends_on_the_one_before(snapshots: list[list[list[str]]]) -> None:
    def without_breaks(texts: Sequence[str]) -> Sequence[str]:
        return texts if "\n" not in "".join(texts) else [one.replace("\n", "-") for one in texts]

    before: Sequence[str] = ()
    for batches in snapshots:
        builder = TextBuilder[str](before, without_breaks)
        for batch in batches:
            builder.add(list(batch))
        before = builder.column
        assert list(before) == [text.replace("\n", "-") for batch in batches for text in batch]
