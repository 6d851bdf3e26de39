"""What the demo tells its reader: what each link shows, what fires on purpose, what to try."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from scripts.demo.keys import Key
from scripts.demo.past import GONE
from scripts.demo.ports import Ports
from scripts.demo.programs import Page
from stats_feed.simulate.fleet import FLAPPING, STALLED, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is there to be shown."""

    ports: Ports
    names: Set[str]
    miners: Sequence[Machine]
    """The fleet."""
    days: int
    """How much history there is; 0 without."""
    logs: str
    keys: bool


def guide(running: Running) -> str:
    """One screen of text."""
    parts = [_links(running)]
    if "prometheus" in running.names and running.days:
        parts.append(_alerts(running.miners))
    parts.append(_keys() if running.keys else "")
    parts.append("Ctrl-C stops everything.")
    return "\n\n".join(["", *(part for part in parts if part)])


def said(key: Key, *, alerts: bool) -> str:
    """What a key has done, and where to see it."""
    fires = " fires in about a minute." if alerts else ""
    return {
        Key.KILL: "A miner was unplugged; its row is gone."
        + (" StratumProxyMinerVanished" + fires if fires else ""),
        Key.TRANSLATOR: "The translator was stopped, or started again."
        + (" While it is away StatsGatewaySourceStale" + fires if fires else ""),
        Key.RESTART: "stats-proxy starts again; the translator connects and sends all it has.",
        Key.HELP: _keys(),
        Key.QUIT: "",
    }[key]


def _links(running: Running) -> str:
    ports = running.ports
    past = f"the last {running.days} days and now" if running.days else "now"
    miner = Page(port=ports.proxy_web, path=f"/miner/{running.miners[-1].name}")
    lines = [
        ("stats-proxy", "Miners", Page(port=ports.proxy_web), past),
        ("stats-proxy", "One miner", miner, past),
        ("stats-pool", "Pool connections", Page(port=ports.pool_web), past),
        (
            "stats-proxy",
            "API",
            Page(port=ports.proxy_web, path="/api/stats"),
            "for programs of your own",
        ),
        *_of_prometheus(ports),
        ("alertmanager", "Alertmanager", Page(port=ports.alertmanager), "who is told of an alert"),
        ("grafana", "Grafana", Page(port=ports.grafana), "boards"),
    ]
    shown = [
        f"  {title:<17} {page!s:<42} {what}"
        for name, title, page, what in lines
        if name in running.names
    ]
    return "\n".join([*shown, f"  {'Logs':<17} {running.logs}"])


def _of_prometheus(ports: Ports) -> Sequence[tuple[str, str, Page, str]]:
    """Its pages for people, which are elsewhere in Debian's; its API where it has none."""
    name, root = "prometheus", Page(port=ports.prometheus)
    for prefix in ("", "/classic"):
        alerts = Page(port=ports.prometheus, path=f"{prefix}/alerts")
        if alerts.answers():
            return [
                (name, "Prometheus", root, "queries of your own"),
                (name, "Alerts", alerts, "all rules, and what fires"),
            ]
    api = Page(port=ports.prometheus, path="/api/v1/alerts")
    return [(name, "Alerts", api, "this Prometheus has an API only")]


def _alerts(miners: Sequence[Machine]) -> str:
    stalled, flapping = miners[STALLED].name, miners[FLAPPING].name
    return f"""\
Some alerts fire on purpose, about a minute from now (they wait for longer in real life):
  StratumProxyMinerVanished   {GONE} did not come back: has it power and network?
  StratumProxyMinerIdle       {stalled} finds nothing: look at the device's own page.
  StratumProxyMinerFlapping   {flapping} reconnects all the time: look at its cable."""


def _keys() -> str:
    return """\
Keys:  k unplug a miner    t stop the translator, or start it again
       r restart stats-proxy    ? this again    q quit"""
