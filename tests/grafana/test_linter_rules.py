"""The 17 rules of Grafana's dashboard-linter, kept with one exclusion: alerts have no instance.

The two for LogQL hold by there being none. Where a rule of the linter looks away (counters whose
selector has matchers, panel types it does not know) these do not.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.grafana.boards import (
    Json,
    Panel,
    Query,
    boards,
    fill,
    panel_queries,
    panels,
    variable_queries,
    variables,
)
from tests.grafana.promql import read
from tests.support.cases import for_each
from tests.support.programs import program

# Of the linter's list, those in use: one more is looked up in Grafana's unit categories first.
UNITS = frozenset(
    (
        "none",
        "locale",
        "percentunit",
        "Hs",
        "s",
        "bytes",
        "Bps",
        "watt",
        "celsius",
        "dateTimeFromNow",
    )
)
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COUNTER_FUNCTIONS = frozenset({"rate", "irate", "increase"})
PLACEHOLDERS = {
    "__rate_interval": "20s",
    "__range": "6h",
    "datasource": "prometheus",
    "job": ".+",
    "instance": ".+",
    "source": ".+",
    "site": ".*",
    "name": "any",
    "top": "10",
    "rank": "1",
    "search": "",
}

each_board = pytest.mark.parametrize("board", boards().values(), ids=boards())
each_panel = for_each("panel", panels())
each_query = for_each("query", panel_queries())


@each_board
def test_template_datasource_rule(board: Json) -> None:
    found = [v for v in board["templating"]["list"] if v["type"] == "datasource"]
    assert [(v["name"], v["label"], v["query"]) for v in found] == [
        ("datasource", "Data source", "prometheus")
    ]


@each_board
@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_instance_rules(board: Json, name: str) -> None:
    variable = variables(board)[name]
    assert variable["type"] == "query"
    assert variable["label"] == name.capitalize()
    assert variable["datasource"] == DATASOURCE
    assert variable["multi"], f"{name} must allow several values"
    assert variable["allValue"] == ".+"


@for_each("query", variable_queries())
def test_template_label_promql_rule(query: Query) -> None:
    assert re.fullmatch(r"label_values\(.+, \w+\)", query.expression)


@each_board
def test_template_on_time_change_reload_rule(board: Json) -> None:
    stale = [n for n, v in variables(board).items() if v["type"] == "query" and v["refresh"] != 2]
    assert not stale, f"set refresh to 2 (on time range change) on {stale}"


@each_panel
def test_panel_datasource_rule(panel: Panel) -> None:
    used = [panel.model["datasource"], *(target["datasource"] for target in panel.targets)]
    assert all(datasource == DATASOURCE for datasource in used)


@each_panel
def test_panel_title_description_rule(panel: Panel) -> None:
    assert panel.model["title"].strip()
    assert panel.model["description"].strip()


@each_panel
def test_panel_units_rule(panel: Panel) -> None:
    used = {panel.defaults["unit"], *(v for _, name, v in panel.overrides if name == "unit")}
    assert used <= UNITS, f"{used - UNITS}: not a unit id that the linter knows"


@each_panel
def test_panel_no_targets_rule(panel: Panel) -> None:
    assert panel.targets or panel.type == "alertlist"


def test_target_promql_rule(tmp_path: Path) -> None:
    """Prometheus' own parser reads every expression, as a rule."""
    exprs = {str(query): fill(query.expression, PLACEHOLDERS) for query in panel_queries()}
    rules = [
        {"record": "parsed", "expr": expr, "labels": {"query": where}}
        for where, expr in exprs.items()
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    command = [program("promtool"), "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@each_query
def test_target_rate_interval_rule(query: Query) -> None:
    fixed = [
        selector.metric
        for selector in read(query.expression).selectors
        if selector.function in {"rate", "irate"} and selector.window != "$__rate_interval"
    ]
    assert not fixed, f"take [$__rate_interval] for the rate of {fixed}"


@each_query
@pytest.mark.parametrize("label", ["job", "instance"])
def test_target_job_and_instance_rules(query: Query, label: str) -> None:
    for selector in read(query.expression).selectors:
        if selector.metric == "ALERTS":
            continue  # the rules aggregate the instance away, and the watchdog has no job either
        found = [(m.operator, m.value) for m in selector.matchers if m.label == label]
        assert found == [("=~", f"${label}")], f'{selector.metric} needs {label}=~"${label}"'


@each_query
def test_target_counter_agg_rule(query: Query) -> None:
    raw = [
        selector.metric
        for selector in read(query.expression).selectors
        if selector.metric.endswith(("_total", "_bucket", "_sum", "_count"))
        and selector.function not in COUNTER_FUNCTIONS
    ]
    assert not raw, f"{raw} begin again at 0 on a restart: wrap them in rate or increase"


@each_board
def test_uneditable_dashboard(board: Json) -> None:
    assert board["editable"] is False
