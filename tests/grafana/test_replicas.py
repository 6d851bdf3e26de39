"""Where two replicas expose the same rows, every panel and rule has to take a row once."""

import re

from tests.grafana.boards import Query, panel_queries
from tests.support.cases import for_each
from tests.support.yaml_files import Yaml
from tests.test_rules import rules

COUNTER_FUNCTIONS = "rate|irate|increase|delta|idelta"
AGGREGATIONS = "sum|max|min|avg|count|group|quantile|topk|bottomk"
ROWS_OF_ALL = re.compile(
    r"(?:sum|count)(?: by \((?P<outer>[^)]*)\))? ?\(?\(?max by \((?P<inner>[^)]*)\) \([a-z_]+\{"
)
"""A sum over rows of which each was taken from any replica, `rate` and records aside."""

rule_expressions = {
    f"{rule.get('record', rule.get('alert'))} {number}": rule["expr"]
    for number, rule in enumerate(rules())
}
expressions = rule_expressions | {str(query): query.expression for query in panel_queries()}


def labels(listed: str | None) -> set[str]:
    return {word.strip() for word in (listed or "").split(",") if word.strip()}


@for_each("expression", expressions)
def test_a_rate_is_taken_before_replicas_are_joined(expression: str) -> None:
    """`rate(max())` takes the restart of one replica for a reset of the counter."""
    assert not re.search(rf"\b({COUNTER_FUNCTIONS})\s*\(\s*({AGGREGATIONS})\b", expression)


@for_each("query", panel_queries())
def test_rows_are_added_up_in_each_replica_before_the_replicas_are_joined(query: Query) -> None:
    """A miner that reconnected has another row at the replica that has not heard of that yet."""
    for found in ROWS_OF_ALL.finditer(query.expression):
        rows = labels(found["inner"]) - labels(found["outer"]) - {"job", "source"}
        assert not rows, f"{query}: {found.group()}"


@for_each("rule", list(rules()))
def test_an_alert_is_one_whatever_the_number_of_replicas(rule: Yaml) -> None:
    """Those that tell of an instance itself name it."""
    if "alert" not in rule or "$labels.instance" in str(rule["annotations"]):
        return
    joined = r"(max|count|sum|group|min) (without \(instance\b|by \(|without \(instance, )"
    raw = r"job_source|job:|absent|vector\("
    assert re.search(f"{joined}|{raw}", rule["expr"]), rule["alert"]
