from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.rows.runs import Run, runs

ascending = st.lists(st.integers(0, 200), unique=True).map(sorted)


@given(ascending, ascending)
def test_every_id_of_both_is_in_one_run(before: list[int], after: list[int]) -> None:
    found = list(runs(before, after))
    old = [id_ for run in found for id_ in before[run.old : run.old + run.length]]
    new = [id_ for run in found for id_ in after[run.new : run.new + run.length]]
    assert old == new == sorted(set(before) & set(after))


@given(ascending, st.lists(st.integers(0, 200)))
def test_no_run_is_wrong_where_the_order_is(before: list[int], after: list[int]) -> None:
    for old, new, length in runs(before, after):
        assert before[old : old + length] == after[new : new + length]


def test_what_stays_together_is_one_run() -> None:
    before = list(range(1000))
    after = [*range(100), *range(101, 1000), 2000]
    assert list(runs(before, after)) == [Run(0, 0, 100), Run(101, 100, 899)]


def test_what_was_passed_is_not_looked_at_again() -> None:
    assert list(runs([1, 2, 3], [2, 3], start=2)) == [Run(2, 1, 1)]
