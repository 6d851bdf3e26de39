"""Cases that are tried by one test are each tried, and each failure is told."""

from pathlib import Path

import pytest

from tests.support.cases import for_each


def test_every_case_is_tried_and_all_that_fail_are_named() -> None:
    @for_each("number", {"one": 1, "two": 2, "three": 3})
    def check(number: int, limit: int) -> None:
        assert number < limit

    check(limit=4)
    with pytest.raises(ExceptionGroup, match="2 of 3 cases failed") as raised:
        check(limit=2)
    notes = [error.__notes__ for error in raised.value.exceptions]
    assert notes == [["number: two"], ["number: three"]]


@for_each("name", ["a", "b"])
def test_a_test_of_many_cases_may_use_fixtures(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()


def test_a_test_without_a_case_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no case"):
        for_each("number", [])
