from hypothesis import given
from hypothesis import strategies as st

from exporters.exposition.families.family import Texts
from exporters.exposition.lines import CHUNK_ROWS, make_labels, sample_lines

NAME = "some_family"


def written(labels: list[str], values: list[float | None], *details: tuple[str, Texts]) -> str:
    return b"".join(sample_lines(NAME, make_labels(labels), values, details)).decode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['a="b"', 'a="%"', 'a="} %b"', 'a="%s%%"', 'a="é{}"']),
            st.one_of(st.none(), st.integers(0, 9)),
        )
    )
)
def test_a_line_is_the_name_the_labels_and_the_value_where_it_is_known(
    rows: list[tuple[str, int | None]],
) -> None:
    expected = [f"{NAME}{{{labels}}} {value}\n" for labels, value in rows if value is not None]
    assert written([labels for labels, _ in rows], [value for _, value in rows]) == "".join(
        expected
    )


def test_chunks_of_which_no_value_is_known_leave_no_gap() -> None:
    unknown: list[float | None] = [None] * CHUNK_ROWS
    labels = [f'id="{number}"' for number in range(2 * CHUNK_ROWS + 1)]
    assert written(labels, [*unknown, 7, *unknown]) == f'{NAME}{{id="{CHUNK_ROWS}"}} 7\n'


def test_more_labels_come_before_the_others_where_they_are_known() -> None:
    text = written(['a="1"', 'a="2"'], [1, 1], ("b", ['"', None]), ("c", ["", "%b"]))
    assert text == f'{NAME}{{b="\\"",a="1"}} 1\n{NAME}{{c="%b",a="2"}} 1\n'


def test_a_line_of_unknown_value_takes_its_more_labels_with_it() -> None:
    text = written(['a="1"', 'a="2"'], [None, 2], ("b", ["x", "y"]))
    assert text == f'{NAME}{{b="y",a="2"}} 2\n'


def test_a_reason_is_a_label_of_every_line() -> None:
    made = make_labels(['a="1"', 'a="2"', 'a="3"'])
    text = b"".join(sample_lines(NAME, made, [4, None, 6], (), "stale")).decode()
    assert text == f'{NAME}{{reason="stale",a="1"}} 4\n{NAME}{{reason="stale",a="3"}} 6\n'
