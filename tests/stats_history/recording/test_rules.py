"""The order of recording rules."""

import pytest

from stats_history.errors import HistoryError
from stats_history.recording.rules import Rule, levels, recording_rules


def records(*rules: Rule) -> list[list[str]]:
    return [[rule.record for rule in step] for step in levels(rules)]


def test_a_rule_comes_after_all_rules_whose_records_it_reads() -> None:
    day = Rule("a:day", "avg_over_time(a:mean[1d]) or a:raw:mean", 60)
    found = records(day, Rule("a:mean", "avg(b)", 30), Rule("a:raw:mean", "avg(a:mean) by (x)", 30))
    assert found == [["a:mean"], ["a:raw:mean"], ["a:day"]]


def test_a_name_within_a_longer_name_is_not_read() -> None:
    assert records(Rule("a:b", "x", 30), Rule("c", "a:b:c", 30)) == [["a:b", "c"]]


def test_a_rule_may_read_itself_and_two_may_make_one_record() -> None:
    assert records(Rule("a", "a or b", 30), Rule("a", "c", 30)) == [["a", "a"]]


def test_rules_in_a_circle_are_an_error() -> None:
    with pytest.raises(HistoryError, match="in a circle"):
        levels([Rule("a", "b", 30), Rule("b", "a", 30)])


def test_alerts_are_no_records() -> None:
    rules = [
        {"type": "recording", "name": "a:b", "query": "x", "labels": {"site": "s"}},
        {"type": "alerting", "name": "Down", "query": "up == 0"},
    ]
    found = recording_rules([{"interval": 30.0, "rules": rules}])
    assert found == [Rule("a:b", "x", 30, {"site": "s"})]
