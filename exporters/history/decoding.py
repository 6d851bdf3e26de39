"""Reads the answers of Prometheus' HTTP API into series over time and firing alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TypeVar

import msgspec

from exporters.errors import PrometheusError

MAX_DETAIL = 200
"""Characters of a server's own error text that are passed on."""

Point = tuple[float, float]
"""Unix seconds, and a value."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series over time, oldest point first; points that are no number are left out."""

    labels: Mapping[str, str]
    points: list[Point]


class Alert(msgspec.Struct, frozen=True, rename={"since": "activeAt"}):
    """One alert as Prometheus tells it: pending, or firing."""

    state: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    since: datetime | None = None


class _Series(msgspec.Struct):
    values: list[tuple[float, str]]
    metric: dict[str, str] = {}


class _Matrix(msgspec.Struct):
    result: list[_Series] = []


class _Alerts(msgspec.Struct):
    alerts: list[Alert] = []


T = TypeVar("T", _Matrix, _Alerts)


class _Answer(msgspec.Struct):
    """The part of an answer that is used."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    error: str = ""


def series_in(status: int, body: bytes) -> list[Series]:
    """The series in an answer of `/api/v1/query_range`. Raises `PrometheusError`."""
    found = _data(status, body, _Matrix).result
    try:
        return [Series(one.metric, _points(one.values)) for one in found]
    except ValueError:
        raise _not_prometheus(status) from None


def alerts_in(status: int, body: bytes) -> list[Alert]:
    """The alerts in an answer of `/api/v1/alerts`. Raises `PrometheusError`."""
    return _data(status, body, _Alerts).alerts


def _points(values: list[tuple[float, str]]) -> list[Point]:
    points = ((when, float(value)) for when, value in values)
    return [(when, value) for when, value in points if isfinite(value)]


def _data(status: int, body: bytes, type_: type[T]) -> T:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status != "success":
            raise PrometheusError(f"Prometheus answered {status}: {answer.error[:MAX_DETAIL]}")
        return msgspec.json.decode(answer.data, type=type_)
    except (msgspec.DecodeError, RecursionError):
        raise _not_prometheus(status) from None


def _not_prometheus(status: int) -> PrometheusError:
    return PrometheusError(f"Prometheus answered {status}, and not as Prometheus does")
