"""Answers `/api/alerts`: the alerts of this project's rules that fire now."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporters.endpoints.documents.manuals import Manual
from exporters.endpoints.history.asking import configured, unavailable_for_now
from exporters.endpoints.responses import JsonAnswer
from exporters.history.decoding import Alert
from exporters.history.drawn import Drawn
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service

MOST_ALERTS = 100
"""Alerts in one answer, the gravest first: nobody reads more, and `total` counts all."""

MAX_TEXT = 1000
"""Characters of each text of an alert: rules write a few sentences."""

PREFIXES = {
    Service.PROXY: ("StatsGateway", "StratumProxy"),
    Service.POOL: ("StatsGateway", "StratumPool"),
}
"""How the names begin of the alerts that concern a service; a Prometheus may have many others."""

_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEndpoints:
    """The path of alerts; without `drawn` it says which setting is missing."""

    service: Service
    drawn: Drawn | None
    clock: Callable[[], Now]
    runbook: Manual

    def routes(self) -> Iterator[Route]:
        """The path, which is the same in both services."""
        yield Route("/api/alerts", self.alerts)

    async def alerts(self, _request: Request) -> Response:
        """The firing alerts of this service, the gravest and newest first."""
        drawn = configured(self.drawn)
        with unavailable_for_now():
            firing = await drawn.alerts(self.clock())
        found = sorted((one for one in firing if self._is_shown(one)), key=_gravity)
        shown = [self._shown(one) for one in found[:MOST_ALERTS]]
        return JsonAnswer({"alerts": shown, "total": len(found)})

    def _is_shown(self, alert: Alert) -> bool:
        # The rules name the jobs as the services are named. The severity of the watchdog, which
        # always fires, is none.
        job = alert.labels.get("job")
        if job != self.service.value and job in {one.value for one in Service}:
            return False
        return _name(alert).startswith(PREFIXES[self.service]) and _severity(alert) in _SEVERITIES

    def _shown(self, alert: Alert) -> Mapping[str, object]:
        name = _name(alert)
        labels = {key: value for key, value in alert.labels.items() if key not in _TOLD}
        return {
            "alert": name,
            "severity": _severity(alert),
            "summary": alert.annotations.get("summary", "")[:MAX_TEXT],
            "description": alert.annotations.get("description", "")[:MAX_TEXT],
            "labels": labels,
            "since": None if alert.since is None else int(alert.since.timestamp()),
            "runbook": f"runbook#{name.lower()}" if name in self.runbook.entries else None,
        }


_TOLD = frozenset({"alertname", "severity"})
"""Labels that have a field of their own."""


def _name(alert: Alert) -> str:
    return alert.labels.get("alertname", "")


def _severity(alert: Alert) -> str:
    return alert.labels.get("severity", "")


def _gravity(alert: Alert) -> tuple[int, float]:
    since = 0.0 if alert.since is None else alert.since.timestamp()
    return _SEVERITIES.index(_severity(alert)), -since
