import pytest

from tests.grafana.promql import Matcher, Selector, read


def test_a_selector_is_read_with_its_matchers_window_and_function() -> None:
    [selector] = read(
        'sum by (le) (rate(a_total{job=~"$job", x!="}(,"}[$__rate_interval]))'
    ).selectors
    assert selector == Selector(
        "a_total",
        (Matcher("job", "=~", "$job"), Matcher("x", "!=", "}(,")),
        "$__rate_interval",
        "rate",
    )


def test_labels_that_are_grouped_by_or_joined_on_are_no_metrics() -> None:
    expression = read("max by (job) (a{}) * on (job, name) group_left (address) b{} @ end()")
    assert expression.metrics == {"a", "b"}
    assert expression.labels == {"job", "name", "address"}


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ("a{} > bool time() - 600", {"a"}),
        ("topk($top, a{} unless on (x) b{})", {"a", "b"}),
        ("a:b:rate5m / 2 or up", {"a:b:rate5m", "up"}),
        ("sum(a{}) by (job)", {"a"}),
        ("x offset 5m + 1e3 * -inf", {"x"}),
    ],
)
def test_words_of_the_language_are_no_metrics(text: str, metrics: set[str]) -> None:
    assert read(text).metrics == metrics
