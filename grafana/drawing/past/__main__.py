"""A Prometheus is given a day of the simulated fleet, and everything the rules make of it.

python -m grafana.drawing.past URL HOURS prints the unix time at which the day ends.
"""

import json
import math
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from grafana.drawing.past.remote_write import ENDED, Series, write
from grafana.drawing.past.worlds import STEP, day

RULES = Path(__file__).resolve().parents[3] / "prometheus" / "rules"
SCRAPES_AT_ONCE = 40
DURATION = re.compile(r"(\d+)([smhd])")
UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Samples = dict[Series, list[tuple[float, float]]]
Rule = dict[str, Any]  # Any: YAML has no types


def main(url: str, hours: float) -> None:
    """Write everything, and print when it ends."""
    end = int(time.time()) // 60 * 60 - 60
    begin = end - int(hours * 3600)
    scrapes(url, begin, end)
    for rule in in_order():
        evaluate(url, rule, begin, end)
    print(end)  # noqa: T201 - the answer


def scrapes(url: str, begin: int, end: int) -> None:
    """Write every scrape, and a marker where a series is not in the next one."""
    waiting: Samples = defaultdict(list)
    before: set[Series] = set()
    for number, (at, found) in enumerate(day(begin, end)):
        for series in before - found.keys():
            waiting[series].append((at, ENDED))
        for series, value in found.items():
            waiting[series].append((at, value))
        before = set(found)
        if number % SCRAPES_AT_ONCE == 0:
            write(url, waiting)
            waiting.clear()
    write(url, waiting)


def in_order() -> Iterator[Rule]:
    """Every rule after those that it reads."""
    rules: list[Rule] = []
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            step = seconds(group.get("interval", f"{STEP}s"))
            rules += [rule | {"step": step} for rule in group["rules"]]
    by_name = {rule.get("record", f"alert {n}"): rule for n, rule in enumerate(rules)}
    reads = {
        name: by_name.keys() & set(re.findall(r"[a-z][\w:]+", rule["expr"]))
        for name, rule in by_name.items()
    }
    return (by_name[name] for name in TopologicalSorter(reads).static_order())


def evaluate(url: str, rule: Rule, begin: int, end: int) -> None:
    """Write what a rule gives at each of its steps, and where a series of it ends."""
    step, wait = rule["step"], seconds(rule.get("for", "0s"))
    start = -(-begin // step) * step
    if start > end:
        return
    query = {"query": rule["expr"], "start": start, "end": end, "step": step}
    with urlopen(f"{url}/api/v1/query_range", urlencode(query).encode(), timeout=300) as answer:
        found = json.load(answer)["data"]["result"]
    samples: Samples = {}
    for one in found:
        points = [(float(at), float(value)) for at, value in one["values"]]
        if "alert" in rule:
            times = {at for at, _ in points}
            points = [(at, 1.0) for at in sorted(times) if _holds(times, at, wait, step)]
        samples[_named(rule, one["metric"])] = list(_with_ends(points, step, end))
    if samples:
        write(url, samples)


def _holds(times: set[float], at: float, wait: int, step: int) -> bool:
    return all(at - back in times for back in range(0, wait + 1, step))


def _named(rule: Rule, labels: Mapping[str, str]) -> Series:
    own = {"__name__": rule["record"]} if "record" in rule else {"__name__": "ALERTS"}
    if "alert" in rule:
        own |= {"alertname": rule["alert"], "alertstate": "firing"}
    return tuple(sorted({**labels, **rule.get("labels", {}), **own}.items()))


def _with_ends(
    points: list[tuple[float, float]], step: int, end: int
) -> Iterator[tuple[float, float]]:
    times = {at for at, _ in points}
    for at, value in points:
        if not math.isnan(value):
            yield at, value
        if at + step not in times and at + step <= end:
            yield at + step, ENDED


def seconds(duration: str) -> int:
    """Prometheus' notation, for example `1h30m`."""
    return sum(int(number) * UNIT[unit] for number, unit in DURATION.findall(duration))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
