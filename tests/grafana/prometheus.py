"""A real Prometheus on the project's own rules, only faster, and what it answers."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.grafana.boards import ROOT
from tests.support.servers import LOOPBACK, Sample, asked


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus, asked over its HTTP interface."""

    port: int

    def now(self, expression: str) -> list[Sample]:
        """What `expression` gives now, without what is no number."""
        found = asked(self.port, "query", query=expression)["result"]
        return _numbers(found, [item["value"] for item in found])

    def at(self, expression: str, time: float) -> dict[str, float]:
        """What `expression` gives at that unix time, by its labels as text."""
        found = asked(self.port, "query", query=expression, time=time)["result"]
        samples = _numbers(found, [item["value"] for item in found])
        return {str(sorted(sample.labels.items())): sample.value for sample in samples}

    def lately(self, expression: str, seconds: float) -> list[Sample]:
        """The last value of each line that `expression` draws over the last `seconds`."""
        end = time.time()
        found = asked(
            self.port, "query_range", query=expression, start=end - seconds, end=end, step=1
        )
        return _numbers(found["result"], [item["values"][-1] for item in found["result"]])

    def failing_rules(self) -> list[str]:
        """Rules that could not be evaluated, with what Prometheus says of them."""
        rules = [rule for group in asked(self.port, "rules")["groups"] for rule in group["rules"]]
        return [
            f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}"
            for rule in rules
            if rule["health"] != "ok"
        ]


def are_alike(one: Mapping[str, float], other: Mapping[str, float], *, room: float = 0.05) -> bool:
    """Whether two answers have the same samples; values may be scraped a moment apart."""
    return one.keys() == other.keys() and all(
        math.isclose(one[labels], other[labels], rel_tol=room, abs_tol=0.05) for labels in one
    )


def _numbers(found: list[Any], points: list[Any]) -> list[Sample]:  # Any: the JSON of an answer
    samples = [
        Sample(item["metric"], float(value)) for item, (_, value) in zip(found, points, strict=True)
    ]
    return [sample for sample in samples if not math.isnan(sample.value)]


def write_configuration(folder: Path, jobs: Mapping[str, Sequence[int]]) -> Path:
    """Configure a scrape of each job's ports each second, and every rule each second, at once."""
    (folder / "rules").mkdir()
    for file in (ROOT / "prometheus" / "rules").glob("*.yml"):
        (folder / "rules" / file.name).write_text(_without_waiting(file.read_text()))
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [{"targets": [f"{LOOPBACK}:{port}" for port in ports]}],
            }
            for job, ports in jobs.items()
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


def _without_waiting(rules: str) -> str:
    loaded = yaml.safe_load(rules)
    for group in loaded["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.pop("for", None)
    return yaml.safe_dump(loaded)
