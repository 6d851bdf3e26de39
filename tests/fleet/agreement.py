"""What two engines answer to one query of a board, and where they do not agree."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.request import urlopen

from tests.grafana.boards import Query, fill, panel_queries
from tests.support.servers import LOOPBACK, asked

TOLERANCE = 0.01

VALUES = {
    "__rate_interval": "1m",
    "__range": "1h",
    "job": ".+",
    "instance": ".+",
    "source": ".+",
    "site": ".*",
}

Point = tuple[float, tuple[tuple[str, str], ...]]
"""A time, and the labels of a series."""


class Stores(NamedTuple):
    """The ports of a Prometheus and of a VictoriaMetrics, and the last time of what they hold."""

    prometheus: int
    victoria_metrics: int
    end: int


def flush(victoria_metrics: int) -> None:
    """Have it show what it got a moment ago, which it does by itself after a second or two."""
    with urlopen(f"http://{LOOPBACK}:{victoria_metrics}/internal/force_flush", timeout=30):
        pass


def queries(*, instant: bool) -> list[Query]:
    """The queries of the fleet board, those of now or those of graphs."""
    ours = [query for query in panel_queries() if query.where.startswith("fleet / ")]
    return [query for query in ours if query.instant == instant]


def now(port: int, where: str, at: float) -> dict[str, float]:
    """What one query of the board gives at a time, by the values of its labels."""
    (query,) = [query for query in panel_queries() if query.where == f"fleet / {where}"]
    return {" ".join(v for _, v in key): value for (_, key), value in _at(port, query, at).items()}


def steps(port: int, where: str, site: str, times: range) -> dict[float, float]:
    """What one query of the board draws of one site, by time."""
    (query,) = [query for query in panel_queries() if query.where == f"fleet / {where}"]
    drawn = _over(port, query, times).items()
    return {at: value for (at, labels), value in drawn if ("site", site) in labels}


def differences(one: int, other: int, query: Query, times: range) -> Iterator[str]:
    """Where the engines on two ports disagree about an instant query at one of these times."""
    for at in times:
        yield from _compared(query, _at(one, query, at), _at(other, query, at))


def differences_over(one: int, other: int, query: Query, times: range) -> Iterator[str]:
    """Where they disagree about a range query over these times."""
    yield from _compared(query, _over(one, query, times), _over(other, query, times))


def _at(port: int, query: Query, at: float) -> dict[Point, float]:
    found = asked(port, "query", query=fill(query.expression, VALUES), time=at)["result"]
    return {(at, _labels(one["metric"])): float(one["value"][1]) for one in found}


def _over(port: int, query: Query, times: range) -> dict[Point, float]:
    where = {"start": times.start, "end": times[-1], "step": times.step}
    found = asked(port, "query_range", query=fill(query.expression, VALUES), **where)["result"]
    return {
        (float(at), _labels(one["metric"])): float(value)
        for one in found
        for at, value in one["values"]
    }


def _labels(metric: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "__name__"))


def _compared(query: Query, one: dict[Point, float], other: dict[Point, float]) -> Iterator[str]:
    for point in sorted(one.keys() | other.keys()):
        first, second = one.get(point), other.get(point)
        if first is None or second is None or not math.isclose(first, second, rel_tol=TOLERANCE):
            yield f"{query} at {point}: {first} and {second}"
