"""What the demo tells its reader: what each link shows, what fires on purpose, what to try."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from scripts.demo.keys import Key
from scripts.demo.past import gone_from
from scripts.demo.ports import Ports
from scripts.demo.programs import Page
from stats_feed.simulate.fleet import FLAPPING, STALLED, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is there to be shown."""

    ports: Ports
    names: Set[str]
    """The programs."""
    miners: Sequence[Machine]
    """The fleet."""
    days: int
    """How much history there is; 0 without."""
    logs: str
    keys: bool


def guide(running: Running) -> str:
    """One screen of text."""
    parts = ["\n".join(_links(running))]
    if "prometheus" in running.names and running.days:
        parts.append(_alerts(running.miners))
    if running.keys:
        parts.append(_keys())
    return "\n\n".join(["", *parts, "Ctrl-C stops everything."])


def said(key: Key, *, alerts: bool) -> str:
    """What a key has done, and what comes of it."""
    then = {
        Key.KILL: "StratumProxyMinerVanished fires in about a minute.",
        Key.TRANSLATOR: "If it is gone, StatsGatewaySourceStale fires in a minute or two.",
    }
    done = {
        Key.KILL: "A miner was unplugged. Its row is gone;",
        Key.TRANSLATOR: "The translator was stopped, or started again.",
        Key.RESTART: "stats-proxy was restarted. The translator sends it all it has.",
        Key.HELP: _keys(),
        Key.QUIT: "",
    }
    return f"{done[key]} {then[key]}" if alerts and key in then else done[key].replace(";", ".")


def days_text(days: int) -> str:
    """For example, `7 days`."""
    return "1 day" if days == 1 else f"{days} days"


def _links(running: Running) -> Iterator[str]:
    ports = running.ports
    when = f"{days_text(running.days)}, and now" if running.days else "now"
    miner = running.miners[-1].name
    for name, title, page, shows in (
        ("stats-proxy", "Miners", Page(port=ports.proxy_web), when),
        ("stats-proxy", "One miner", Page(port=ports.proxy_web, path=f"/miner/{miner}"), ""),
        ("stats-pool", "Pool connections", Page(port=ports.pool_web), when),
        (
            "stats-proxy",
            "API",
            Page(port=ports.proxy_web, path="/api"),
            "how programs ask",
        ),
        ("stats-proxy", "Runbook", Page(port=ports.proxy_web, path="/runbook"), "what to do"),
        *_of_prometheus(running),
        ("alertmanager", "Alertmanager", Page(port=ports.alertmanager), "who would be told"),
        ("grafana", "Grafana", Page(port=ports.grafana), "the boards"),
    ):
        if name in running.names:
            yield f"  {title:<17} {page!s:<40} {shows}".rstrip()
    yield f"  {'Logs':<17} {running.logs}"


def _of_prometheus(running: Running) -> Iterator[tuple[str, str, Page, str]]:
    """Its pages for people, which are elsewhere in Debian's; its API where it has none."""
    name, port = "prometheus", running.ports.prometheus
    if name not in running.names:
        return
    for prefix in ("", "/classic"):
        alerts = Page(port=port, path=f"{prefix}/alerts")
        if alerts.answers():
            yield name, "Prometheus", Page(port=port), "queries of your own"
            yield name, "Alerts", alerts, "what fires, and all rules"
            return
    yield name, "Alerts", Page(port=port, path="/api/v1/alerts"), "JSON, no pages"


def _alerts(miners: Sequence[Machine]) -> str:
    stalled, flapping = miners[STALLED].name, miners[FLAPPING].name
    return f"""\
These fire on purpose in a minute or two (here they wait for a minute at most):
  StratumProxyMinerVanished  {gone_from(miners)} is gone: look for power and network
  StratumProxyMinerIdle      {stalled} finds nothing: look at its own page
  StratumProxyMinerFlapping  {flapping} comes and goes: look at its cable"""


def _keys() -> str:
    return """\
Keys:  k  unplug a miner               r  restart stats-proxy
       t  stop the translator,         ?  show these keys again
          or start it again            q  quit"""
