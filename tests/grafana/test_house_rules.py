"""What every board must be, beyond the linter: true, readable and steady under review."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.boards import (
    Json,
    Panel,
    Query,
    annotation_queries,
    boards,
    files,
    panel_queries,
    panels,
    rows_and_panels,
    variables,
)
from tests.support.cases import Test, for_each

COLORS = frozenset({"green", "yellow", "orange", "red", "blue", "text", "transparent"})
"""Of Grafana's palette, which has a light and a dark shade of each."""

COLUMNS = 24
PIXELS_PER_COLUMN = 51
"""On a screen of 1280 px, with what Grafana needs beside the panels."""

WIDTHS = ("custom.width", "custom.minWidth")
"""What a column has, or what it has at least that also takes the room that is left."""

# A stat is 200 px wide at 1280 px then, enough for its title and a hashrate.
NARROWEST_STAT = 4
LONGEST_STAT_TITLE = 14
FASTEST_REFRESH_SECONDS = 10

each_board = pytest.mark.parametrize(("name", "board"), boards().items(), ids=boards())
each_panel = for_each("panel", panels())
each_query = for_each("query", panel_queries())


def of_type(*types: str) -> Callable[[Test], Test]:
    return for_each("panel", [panel for panel in panels() if panel.type in types])


def values_of(model: object, key: str) -> Iterator[Any]:  # Any: whatever JSON holds
    """Every value of `key` at any depth."""
    if isinstance(model, dict):
        for name, value in model.items():
            if name == key:
                yield value
            yield from values_of(value, key)
    elif isinstance(model, list):
        for item in model:
            yield from values_of(item, key)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_files_are_formatted_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    formatted = json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert text == formatted, "write it with json.dumps(indent=2, sort_keys=True)"


@each_board
def test_a_board_has_a_fixed_uid_and_nothing_of_one_installation(name: str, board: Json) -> None:
    assert board["uid"] == f"stratum-{name}"
    noise = {"id", "version", "iteration", "gnetId", "__inputs", "__requires"} & board.keys()
    assert not noise, f"{noise} belong to one installation or one way of importing"


@each_board
def test_a_board_is_set_up_like_the_others(name: str, board: Json) -> None:
    assert board["schemaVersion"] == 39
    assert board["timezone"] == "browser"
    assert board["graphTooltip"] == 1
    assert board["tags"] == ["stratum"]
    assert board["description"], f"say what {name} is for"
    assert list(variables(board))[:4] == ["datasource", "job", "instance", "source"]


@each_board
def test_a_board_does_not_refresh_faster_than_snapshots_come(name: str, board: Json) -> None:
    seconds = int(board["refresh"].removesuffix("s"))
    assert seconds >= FASTEST_REFRESH_SECONDS, name


@each_board
def test_source_is_chosen_like_job_and_instance(name: str, board: Json) -> None:
    source = variables(board)["source"]
    assert (source["multi"], source["includeAll"], source["allValue"]) == (True, True, ".+"), name


def test_titles_are_unique() -> None:
    titles = [board["title"] for board in boards().values()]
    assert len(set(titles)) == len(titles)


@each_board
def test_panels_have_ids_of_their_own(name: str, board: Json) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids), name


@each_board
def test_panels_do_not_overlap(name: str, board: Json) -> None:
    for one, other in combinations((panel["gridPos"] for panel in board["panels"]), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, f"{name}: {one} and {other}"


@for_each("panel", rows_and_panels())
def test_panels_stay_within_the_columns(panel: Panel) -> None:
    position = panel.model["gridPos"]
    assert position["x"] + position["w"] <= COLUMNS


@of_type("stat")
def test_a_stat_is_readable_on_a_small_screen(panel: Panel) -> None:
    assert panel.model["gridPos"]["w"] >= NARROWEST_STAT
    assert len(panel.model["title"]) <= LONGEST_STAT_TITLE


@each_panel
def test_a_description_is_sentences(panel: Panel) -> None:
    description = panel.model["description"]
    assert description[0].isupper()
    assert description.endswith(".")


@each_panel
def test_thresholds_are_set_and_nothing_is_red_from_the_start(panel: Panel) -> None:
    """Grafana paints everything from 80 up red where a panel sets no thresholds."""
    found = [panel.defaults["thresholds"]]
    found += [value for _, name, value in panel.overrides if name == "thresholds"]
    for thresholds in found:
        base, *further = thresholds["steps"]
        assert base["value"] is None
        assert base["color"] != "red"
        values = [step["value"] for step in further]
        assert values == sorted(values)


@of_type("stat")
def test_unknown_has_the_colour_of_text(panel: Panel) -> None:
    """Grafana shows what is unknown in the colour of the lowest threshold."""
    found = [panel.defaults["thresholds"]]
    found += [value for _, name, value in panel.overrides if name == "thresholds"]
    assert {thresholds["steps"][0]["color"] for thresholds in found} <= {"text", "blue"}


@of_type("table")
def test_a_table_fits_a_screen_of_1280_px(panel: Panel) -> None:
    columns = panel.model["transformations"][-1]["options"]["renameByName"].values()
    widths = {field: value for field, name, value in panel.overrides if name in WIDTHS}
    assert widths.keys() == set(columns), "a column without a width takes 150 px at least"
    assert sum(widths.values()) <= PIXELS_PER_COLUMN * panel.model["gridPos"]["w"]


@of_type("timeseries")
def test_what_may_be_zero_for_long_has_an_axis_of_its_size(panel: Panel) -> None:
    """All zero, Grafana draws an axis from 0 to 100 of whatever it is."""
    if (
        panel.defaults["custom"].get("axisLabel") == "a minute"
        or "Rejected part" in panel.model["title"]
    ):
        assert panel.defaults["custom"]["axisSoftMax"] > 0


@of_type("timeseries")
def test_nothing_drawn_is_red_from_the_start(panel: Panel) -> None:
    colors = [value["fixedColor"] for _, name, value in panel.overrides if name == "color"]
    assert "red" not in colors, "a line is there when nothing is wrong: orange"


@each_board
def test_the_top_says_what_is_wrong_what_changed_and_what_to_do(name: str, board: Json) -> None:
    _, *others = (panel["gridPos"]["y"] for panel in board["panels"] if panel["type"] == "row")
    top = {p["title"] for p in board["panels"] if p["gridPos"]["y"] < min(others)}
    assert top >= {"State" if name == "miner" else "Trouble", "Last hour", "Firing alerts"}


@pytest.mark.parametrize(("name", "job"), [("proxy", "stats-pool"), ("pool", "stats-proxy")])
def test_a_board_is_silent_about_alerts_of_the_other_service(name: str, job: str) -> None:
    [listed] = values_of(boards()[name], "alertInstanceLabelFilter")
    drawn = [q.expression for q in annotation_queries() if q.where.startswith(f"{name} /")]
    assert all(f'job!="{job}"' in one for one in (listed, *drawn))


@each_board
def test_colors_are_those_of_the_theme(name: str, board: Json) -> None:
    keys = ("color", "fixedColor", "iconColor")
    found = {c for key in keys for c in values_of(board, key) if isinstance(c, str)}
    assert found <= COLORS, f"{name}: {found - COLORS} may not be readable in light and dark"


@each_query
def test_unknown_is_not_turned_into_zero(query: Query) -> None:
    assert "vector(" not in query.expression


@of_type("timeseries", "state-timeline")
def test_a_gap_stays_a_gap(panel: Panel) -> None:
    assert panel.defaults["custom"]["spanNulls"] is False


@of_type("stat", "table", "timeseries", "state-timeline")
def test_a_panel_says_what_no_data_means(panel: Panel) -> None:
    assert panel.defaults["noValue"]


@of_type("stat", "table")
def test_what_is_shown_as_now_is_asked_as_of_now(panel: Panel) -> None:
    """The last value of a range would go on showing what is long gone."""
    assert all(target["instant"] and not target["range"] for target in panel.targets)


@of_type("timeseries", "state-timeline")
def test_graphs_ask_for_ranges(panel: Panel) -> None:
    assert all(target["range"] and not target["instant"] for target in panel.targets)


@of_type("timeseries")
def test_several_lines_are_told_apart(panel: Panel) -> None:
    names = [target["legendFormat"] for target in panel.targets]
    assert "__auto" not in names
    assert len(set(names)) == len(names)


@of_type("table")
def test_a_table_names_its_columns_and_hides_the_time(panel: Panel) -> None:
    assert all(target["format"] == "table" for target in panel.targets)
    *joins, organize = panel.model["transformations"]
    assert [join["id"] for join in joins] == (["merge"] if len(panel.targets) > 1 else [])
    assert organize["options"]["excludeByName"]["Time"]
    shown = organize["options"]["renameByName"].values()
    unknown = {field for field, _, _ in panel.overrides} - set(shown)
    assert not unknown, f"overrides of columns that are not there: {unknown}"


@of_type("timeseries", "stat")
def test_overrides_are_of_lines_that_are_there(panel: Panel) -> None:
    letters = {target["refId"] for target in panel.targets}
    legends = " ".join(target["legendFormat"] for target in panel.targets)
    for field, _, _ in panel.overrides:
        there = field in letters or field in legends or "{{state}}" in legends
        assert there, f"no line is called {field}"


@pytest.mark.parametrize("name", boards())
def test_firing_alerts_are_drawn_into_every_graph(name: str) -> None:
    asked = [q.expression for q in annotation_queries() if q.where.startswith(f"{name} /")]
    assert any('severity="critical"' in expression for expression in asked)
    assert all("ALERTS{" in expression and '"firing"' in expression for expression in asked)


@each_board
def test_a_board_links_to_every_other_and_keeps_the_time(name: str, board: Json) -> None:
    linked = {re.findall(r"^/d/([\w-]+)\?", link["url"])[0] for link in board["links"]}
    assert linked == {other["uid"] for other in boards().values()} - {board["uid"]}
    for link in board["links"]:
        assert link["keepTime"], f"{name}: {link['title']}"
        assert "${datasource:queryparam}" in link["url"], f"{name}: {link['title']}"


def data_links() -> list[tuple[Panel, str]]:
    return [
        (panel, link["url"])
        for panel in panels()
        for links in [panel.defaults.get("links", [])]
        + [value for _, name, value in panel.overrides if name == "links"]
        for link in links
    ]


@for_each("link", data_links())
def test_a_data_link_leads_to_variables_of_a_board_that_exists(link: tuple[Panel, str]) -> None:
    panel, url = link
    uid, parameters = re.findall(r"^/d/([\w-]+)\?(.+)$", url)[0]
    [target] = [board for board in boards().values() if board["uid"] == uid]
    kept = set(parameters.split("&"))
    assert "${__url_time_range}" in kept
    # A site's own boards ask a data source that is named like the site.
    another = panel.board == "fleet" and "var-datasource=" in parameters
    assert another or "${datasource:queryparam}" in kept
    passed = re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", parameters)
    assert {own or kept for own, kept in passed} <= variables(target).keys()
    assert all(v.endswith(":percentencode}") for v in re.findall(r"var-\w+=([^&]+)", parameters)), (
        f"{panel}: names are chosen by miners and may hold & and #"
    )


def test_every_table_of_miners_or_connections_links_on() -> None:
    linking = {str(panel) for panel, _ in data_links() if panel.type == "table"}
    assert linking >= {
        "proxy / Miners (table)",
        "pool / Connections (table)",
        "pipeline / Sources (table)",
        "fleet / Worst ten sites (table)",
        "fleet / Sources (table)",
    }
