import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporters.exposition.families.family import Family, Kind
from exporters.exposition.text_format import Format, escape, header, numbers, sample

COUNTER = Family(name="a_total", kind=Kind.COUNTER, help="What it counts.", labels=("b", "c"))
GAUGE = Family(name="a_seconds", kind=Kind.GAUGE, help="How long.")


def test_a_counter_is_typed_by_its_whole_name_in_text_and_by_its_stem_in_openmetrics() -> None:
    assert (
        header(COUNTER, Format.TEXT) == b"# HELP a_total What it counts.\n# TYPE a_total counter\n"
    )
    assert header(COUNTER, Format.OPENMETRICS) == b"# HELP a What it counts.\n# TYPE a counter\n"


@pytest.mark.parametrize("format_", Format)
def test_a_gauge_is_typed_by_its_name(format_: Format) -> None:
    assert header(GAUGE, format_) == b"# HELP a_seconds How long.\n# TYPE a_seconds gauge\n"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ('say "hi"', r"say \"hi\""),
        ("back\\slash", r"back\\slash"),
        ("line\nend", r"line\nend"),
        ("\\n", r"\\n"),
        ("矿机", "矿机"),
    ],
)
def test_a_label_value_is_escaped(value: str, escaped: str) -> None:
    assert escape(value) == escaped


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_label_value_reads_back(value: str) -> None:
    line = sample(COUNTER, ("x", value), 1)
    (metric,) = text_string_to_metric_families(line.decode())
    assert metric.samples[0].labels == {"b": "x", "c": value}


def test_an_empty_label_is_left_out() -> None:
    assert sample(COUNTER, ("", "y"), 1.5) == b'a_total{c="y"} 1.5\n'


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_column_of_doubles_reads_back_exactly(column: list[float | None]) -> None:
    spelled = numbers(column).split(b",") if column else []
    assert [None if one == b"null" else float(one) for one in spelled] == column


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_a_column_of_counts_is_spelled_digit_by_digit(column: list[int]) -> None:
    assert numbers(column).decode().split(",") == [str(value) for value in column]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_column_has_no_place_for_what_is_no_number(value: float) -> None:
    assert json.loads(b"[" + numbers([1.0, value]) + b"]") == [1.0, None]
