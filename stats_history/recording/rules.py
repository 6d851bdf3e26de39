"""This module finds the order in which recording rules can be evaluated."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from stats_history.errors import HistoryError

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording rule: the series `record` is made of `query` every `interval` seconds."""

    record: str
    query: str
    interval: int
    labels: dict[str, str] = field(default_factory=dict)


def recording_rules(groups: Iterable[dict[str, Any]]) -> list[Rule]:  # Any: JSON of Prometheus
    """The recording rules in the groups that Prometheus tells of; alerts are left out."""
    return [
        Rule(rule["name"], rule["query"], max(round(group["interval"]), 1), rule.get("labels", {}))
        for group in groups
        for rule in group["rules"]
        if rule["type"] == "recording"
    ]


def levels(rules: Iterable[Rule]) -> list[list[Rule]]:
    """The rules in steps: each rule comes after every rule whose record its query names."""
    by_record: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        by_record[rule.record].append(rule)
    sorter = TopologicalSorter(
        {
            record: {
                name
                for rule in own
                for name in _NAME.findall(rule.query)
                if name in by_record and name != record
            }
            for record, own in by_record.items()
        }
    )
    try:
        sorter.prepare()
    except CycleError as error:
        raise HistoryError(f"the rules need each other in a circle: {error.args[1]}") from error
    found = []
    while ready := sorter.get_ready():
        found.append([rule for record in sorted(ready) for rule in by_record[record]])
        sorter.done(*ready)
    return found
