"""The boards, their panels and their queries, as tests ask about them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "grafana"

VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")

ABOUT_REPLICAS = (
    "pipeline / Services (stat) / A",
    *(f"pipeline / Apply time (timeseries) / {letter}" for letter in "ABC"),
)
"""What counts the replicas, or tells of the work of all of them together."""

SNAPSHOT_AGE = "time() - max by (job, source) (stats_gateway_source_received_timestamp_seconds"
"""How long a scrape comes after a snapshot is a constant of each gateway."""

EACH_INSTANCE = re.compile(r"(1000 \* |time\(\) - )?\w+ by \(job, instance\b")
"""How a query begins that shows each instance by itself."""

Json: TypeAlias = dict[str, Any]  # Any: Grafana's own model, of which tests read a part


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and its board; prints as both names and its type, so that a failure says where."""

    board: str
    model: Json

    @property
    def type(self) -> str:
        return str(self.model["type"])

    @property
    def targets(self) -> list[Json]:
        return list(self.model.get("targets", []))

    @property
    def defaults(self) -> Json:
        return dict(self.model["fieldConfig"]["defaults"])

    @property
    def overrides(self) -> Iterator[tuple[str, str, Any]]:  # Any: whatever the property holds
        """The field's name (or the query's letter), the property's id and its value."""
        for override in self.model["fieldConfig"]["overrides"]:
            for item in override["properties"]:
                yield override["matcher"]["options"], item["id"], item["value"]

    def __str__(self) -> str:
        return f"{self.board} / {self.model['title']} ({self.type})"


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a board and the place it is at."""

    where: str
    expression: str
    instant: bool

    @property
    def label_values(self) -> tuple[str, str]:
        """The selector and the label of a variable's `label_values(SELECTOR, LABEL)`."""
        [(selector, label)] = re.findall(r"^label_values\((.+), (\w+)\)$", self.expression)
        return selector, label

    def __str__(self) -> str:
        return self.where


@cache
def files() -> tuple[Path, ...]:
    """The boards' files."""
    return tuple(sorted((GRAFANA / "dashboards").glob("*.json")))


@cache
def boards() -> dict[str, Json]:
    """Every board by its file's name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files()}


def rows_and_panels() -> list[Panel]:
    """Every panel of every board, the row titles included."""
    return [Panel(name, panel) for name, board in boards().items() for panel in board["panels"]]


def panels() -> list[Panel]:
    """Every panel of every board, without the row titles."""
    return [panel for panel in rows_and_panels() if panel.type != "row"]


def variables(board: Json) -> dict[str, Json]:
    """A board's variables by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def panel_queries() -> list[Query]:
    """The expression of every target of every panel."""
    return [
        Query(f"{panel} / {target['refId']}", target["expr"], target["instant"])
        for panel in panels()
        for target in panel.targets
    ]


def joined_queries() -> list[Query]:
    """Those of panels that show the same whatever the number of replicas."""
    return [
        query
        for query in panel_queries()
        if query.where not in ABOUT_REPLICAS
        and SNAPSHOT_AGE not in query.expression
        and not EACH_INSTANCE.match(query.expression)
    ]


def annotation_queries() -> list[Query]:
    """The expression of every annotation that asks Prometheus."""
    return [
        Query(f"{name} / annotation {annotation['name']}", annotation["expr"], instant=False)
        for name, board in boards().items()
        for annotation in board["annotations"]["list"]
        if "expr" in annotation
    ]


def variable_queries() -> list[Query]:
    """What every query variable asks for, as it is written: `label_values(SELECTOR, LABEL)`."""
    return [
        Query(f"{name} / variable {variable['name']}", variable["query"], instant=True)
        for name, board in boards().items()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]


@cache
def recorded() -> Mapping[str, str]:
    """Every recorded series and the expression it is made of."""
    rules = (ROOT / "prometheus" / "rules").glob("*.yml")
    groups = [group for file in rules for group in read_yaml(file)["groups"]]
    return {
        rule["record"]: rule["expr"]
        for group in groups
        for rule in group["rules"]
        if "record" in rule
    }


def fill(expression: str, values: dict[str, str]) -> str:
    """`expression` with its variables replaced as Grafana would, `values` by their names."""
    return VARIABLE.sub(lambda match: values[match["braced"] or match["bare"]], expression)
