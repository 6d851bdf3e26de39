from hypothesis import given
from hypothesis import strategies as st

from exporters.exposition.families.family import Texts
from exporters.exposition.lines import CHUNK_ROWS, lines_of, sample_lines, template_lines, templates

NAME = "some_family"


def written(labels: list[str], values: list[float | None], *details: tuple[str, Texts]) -> str:
    made = templates(template_lines(labels))
    return b"".join(sample_lines(NAME, made, values, details)).decode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['{a="b"', '{a="%"', '{a="} %b"', '{a="%s%%"', '{a="é{}"']),
            st.one_of(st.none(), st.integers(0, 9)),
        )
    )
)
def test_a_line_is_the_name_the_labels_and_the_value_where_it_is_known(
    rows: list[tuple[str, int | None]],
) -> None:
    expected = [f"{NAME}{labels}}} {value}\n" for labels, value in rows if value is not None]
    assert written([labels for labels, _ in rows], [value for _, value in rows]) == "".join(
        expected
    )


def test_chunks_of_which_no_value_is_known_leave_no_gap() -> None:
    unknown: list[float | None] = [None] * CHUNK_ROWS
    labels = [f'{{id="{number}"' for number in range(2 * CHUNK_ROWS + 1)]
    assert written(labels, [*unknown, 7, *unknown]) == f'{NAME}{{id="{CHUNK_ROWS}"}} 7\n'


def test_more_labels_follow_the_others_where_they_are_known() -> None:
    text = written(['{a="1"', '{a="2"'], [1, 1], ("b", ['"', None]), ("c", ["", "%b"]))
    assert text == f'{NAME}{{a="1",b="\\""}} 1\n{NAME}{{a="2",c="%b"}} 1\n'


def test_a_template_gives_back_the_lines_it_was_made_of() -> None:
    lines = template_lines([f'{{id="{number}%"' for number in range(CHUNK_ROWS + 1)])
    made = templates(lines)
    assert len(made) == 2
    assert [line for template in made for line in lines_of(template)] == lines
