"""What the demo runs, and with which configuration."""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.demo.ports import LOOPBACK, Ports
from scripts.demo.programs import Page, Program

ROOT = Path(__file__).resolve().parents[2]

RULES = ROOT / "prometheus" / "rules"
HOME_BOARD = "proxy.json"

STATS_URL = "http://localhost:8084"
"""Where the alerts' links lead in prometheus.yml."""

SHORT_WAIT, SHORT_INTERVAL = "1m", "15s"
"""Nobody waits at a demo for as long as an alert waits at night before it wakes someone. A minute
is more than the miners need to come back when their translator was away."""


class ConfigurationError(Exception):
    """The project's own configuration is not what the demo knows how to adapt."""


def fleet_flags(ports: Ports, *, miners: int, seed: int, began: int) -> list[str]:
    """The flags of the simulated fleet: nobody leaves by himself, and commands are obeyed."""
    flags = ["--proxy", f"{LOOPBACK}:{ports.proxy_ingest}"]
    flags += ["--pool", f"{LOOPBACK}:{ports.pool_ingest}"]
    flags += ["--miners", str(miners), "--churn", "0", "--seed", str(seed)]
    return [*flags, "--began", str(began), "--commands"]


def services(ports: Ports, fleet: Sequence[str], *, history: bool) -> list[Program]:
    """Both services, with Prometheus behind their history, and the fleet that feeds them."""
    proxy_ingest = f"{LOOPBACK}:{ports.proxy_ingest}"
    pool_ingest = f"{LOOPBACK}:{ports.pool_ingest}"
    past = [f"--history.prometheus-url={Page(port=ports.prometheus, path='')}"] if history else []
    return [
        _service("stats-proxy", "exporters.proxy", proxy_ingest, ports.proxy_web, past),
        _service("stats-pool", "exporters.pool", pool_ingest, ports.pool_web, past),
        Program(
            name="stats-feed",
            command=[sys.executable, "-m", "stats_feed", "simulate", *fleet],
            obeys=True,
            # Healthy is when the first snapshot is in.
            ready=[Page(port=web, path="/health") for web in (ports.proxy_web, ports.pool_web)],
        ),
    ]


def feeds(ports: Ports) -> list[Program]:
    """A feed beside a translator that answers as SRI's, and a tap between miners and a pool."""
    return [*_sri(ports), *_tap(ports)]


def _sri(ports: Ports) -> list[Program]:
    api = f"http://{LOOPBACK}:{ports.sri_api}"
    command = [sys.executable, "-m", "stats_feed", "sri", "--url", api]
    command += ["--source", "sri-translator", "--to", f"proxy={LOOPBACK}:{ports.proxy_ingest}"]
    command += ["--web.listen-address", f"{LOOPBACK}:{ports.feed_web}"]
    return [
        Program(
            name="sri-translator",
            command=[sys.executable, "-m", "tests.stats_feed.sri.server", str(ports.sri_api)],
            ready=[Page(port=ports.sri_api, path="/api/v1/global")],
        ),
        Program(
            name="sri-feed",
            command=command,
            ready=[Page(port=ports.feed_web, path="/-/healthy")],
        ),
    ]


def _tap(ports: Ports) -> list[Program]:
    command = [sys.executable, "-m", "stats_feed", "tap", "--source", "tap-1"]
    command += ["--listen", f"{LOOPBACK}:{ports.tap}"]
    command += ["--upstream", f"{LOOPBACK}:{ports.tap_upstream}"]
    command += ["--to", f"{LOOPBACK}:{ports.proxy_ingest}"]
    command += ["--web.listen-address", f"{LOOPBACK}:{ports.tap_web}"]
    mining = [sys.executable, "-m", "tests.stats_feed.tap.passing.mining"]
    return [
        Program(name="tap", command=command, ready=[Page(port=ports.tap_web, path="/-/healthy")]),
        Program(
            name="tap-mining",
            command=[*mining, str(ports.tap_upstream), str(ports.tap)],
            ready=[],
        ),
    ]


def prometheus(ports: Ports, binary: str, *, alerting: bool, folder: Path) -> Program:
    """Prometheus with the project's configuration and rules, scraping the demo's ports."""
    (folder / "rules").mkdir(parents=True)
    for rules in RULES.glob("*.yml"):
        text = rules.read_text()
        (folder / "rules" / rules.name).write_text(hurried(text) if "alert:" in text else text)
    configuration = (ROOT / "prometheus" / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text(retarget(configuration, ports, alerting=alerting))
    # Debian's has its pages in files, which are elsewhere when it is unpacked and not installed.
    pages = Path(binary).resolve().parents[1] / "share" / "prometheus" / "web"
    return Program(
        name="prometheus",
        command=[
            binary,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{ports.prometheus}",
            f"--web.external-url={Page(port=ports.prometheus)}",
            *([f"--web.local-assets={pages}"] if pages.exists() else []),
        ],
        ready=[Page(port=ports.prometheus, path="/-/ready")],
    )


def alertmanager(ports: Ports, binary: str, *, folder: Path) -> Program:
    """Alertmanager with the project's configuration, on its own."""
    return Program(
        name="alertmanager",
        command=[
            binary,
            f"--config.file={ROOT / 'prometheus' / 'alertmanager.yml'}",
            f"--storage.path={folder}",
            f"--web.listen-address={LOOPBACK}:{ports.alertmanager}",
            f"--web.external-url={Page(port=ports.alertmanager)}",
            "--cluster.listen-address=",  # no peers, so no port for them
        ],
        ready=[Page(port=ports.alertmanager, path="/-/ready")],
    )


def grafana(ports: Ports, binary: str, *, folder: Path) -> Program:
    """Grafana with the project's data sources and boards, open to read without signing in."""
    boards = ROOT / "grafana" / "dashboards"
    command = [binary] if Path(binary).name == "grafana-server" else [binary, "server"]
    if home := _grafana_home(binary):
        command.append(f"--homepath={home}")
    return Program(
        name="grafana",
        command=command,
        environment={
            "GF_PATHS_DATA": str(folder),
            "GF_PATHS_LOGS": str(folder / "logs"),
            "GF_PATHS_PLUGINS": str(folder / "plugins"),
            "GF_PATHS_PROVISIONING": str(ROOT / "grafana" / "provisioning"),
            "GF_SERVER_HTTP_ADDR": LOOPBACK,
            "GF_SERVER_HTTP_PORT": str(ports.grafana),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(boards / HOME_BOARD),
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "GF_PLUGINS_PREINSTALL_DISABLED": "true",
            "DASHBOARDS_PATH": str(boards),
            "PROMETHEUS_URL": str(Page(port=ports.prometheus, path="")),
            "ALERTMANAGER_URL": str(Page(port=ports.alertmanager, path="")),
        },
        ready=[Page(port=ports.grafana, path="/api/health")],
    )


def retarget(configuration: str, ports: Ports, *, alerting: bool) -> str:
    """prometheus.yml with the demo's addresses in place of the compose file's."""
    addresses = {
        # The job of feeds, which has no target of its own.
        "": f"{LOOPBACK}:{ports.feed_web}, {LOOPBACK}:{ports.tap_web}",
        "localhost:9090": f"{LOOPBACK}:{ports.prometheus}",
        "alertmanager:9093": f"{LOOPBACK}:{ports.alertmanager}" if alerting else "",
        "stats-proxy:8084": f"{LOOPBACK}:{ports.proxy_web}",
        "stats-pool:9084": f"{LOOPBACK}:{ports.pool_web}",
    }
    for target, address in addresses.items():
        if configuration.count(f"[{target}]") != 1:
            raise ConfigurationError(f"prometheus.yml does not name [{target}] exactly once")
        configuration = configuration.replace(f"[{target}]", f"[{address}]")
    if configuration.count(STATS_URL) != 1:
        raise ConfigurationError(f"prometheus.yml does not name {STATS_URL} exactly once")
    return configuration.replace(STATS_URL, str(Page(port=ports.proxy_web, path="")))


def hurried(rules: str) -> str:
    """The same alerts, after a minute where they wait for longer."""
    rules = re.sub(r"(?m)^(    interval:) .*", rf"\1 {SHORT_INTERVAL}", rules)
    return re.sub(r"(?m)^(        for:) .*", rf"\1 {SHORT_WAIT}", rules)


def _service(name: str, module: str, ingest: str, web: int, history: Sequence[str]) -> Program:
    command = [sys.executable, "-m", module, *history]
    command += [f"--ingest.listen-address={ingest}", f"--web.listen-address={LOOPBACK}:{web}"]
    return Program(name=name, command=command, ready=[Page(port=web, path="/-/ready")])


def _grafana_home(binary: str) -> Path | None:
    """Where Grafana's own files are: around its bin folder, or where packages put them."""
    for home in (Path(binary).resolve().parents[1], Path("/usr/share/grafana")):
        if (home / "conf" / "defaults.ini").exists():
            return home
    return None


def find(*names: str) -> str | None:
    """The first of the named programs that is on the PATH."""
    return next((path for name in names if (path := shutil.which(name))), None)
