"""What the demo runs, and with which configuration."""

import shutil
import sys
from pathlib import Path

from scripts.demo.ports import LOOPBACK, Ports
from scripts.demo.programs import Page, Program

ROOT = Path(__file__).resolve().parents[2]

HOME_BOARD = "proxy.json"


class ConfigurationError(Exception):
    """The project's own configuration is not what the demo knows how to adapt."""


def services(ports: Ports, *, miners: int, seed: int) -> list[Program]:
    """Both services and the simulated fleet that feeds them."""
    proxy_ingest = f"{LOOPBACK}:{ports.proxy_ingest}"
    pool_ingest = f"{LOOPBACK}:{ports.pool_ingest}"
    fleet = [sys.executable, "-m", "stats_feed", "simulate"]
    fleet += ["--proxy", proxy_ingest, "--pool", pool_ingest]
    fleet += ["--miners", str(miners), "--seed", str(seed)]
    return [
        _service("stats-proxy", "exporters.proxy", ingest=proxy_ingest, web=ports.proxy_web),
        _service("stats-pool", "exporters.pool", ingest=pool_ingest, web=ports.pool_web),
        Program(
            name="stats-feed",
            command=fleet,
            # Healthy is when the first snapshot is in.
            ready=[Page(port=web, path="/health") for web in (ports.proxy_web, ports.pool_web)],
        ),
    ]


def feed(ports: Ports) -> list[Program]:
    """A feed beside a translator that does not speak our wire: a program that answers as SRI's."""
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


def prometheus(ports: Ports, binary: str, *, alerting: bool, folder: Path) -> Program:
    """Prometheus with the project's configuration and rules, scraping the demo's ports."""
    folder.mkdir()
    (folder / "rules").symlink_to(ROOT / "prometheus" / "rules")
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
        "": f"{LOOPBACK}:{ports.feed_web}",  # the job of feeds, which has no target of its own
        "localhost:9090": f"{LOOPBACK}:{ports.prometheus}",
        "alertmanager:9093": f"{LOOPBACK}:{ports.alertmanager}" if alerting else "",
        "stats-proxy:8084": f"{LOOPBACK}:{ports.proxy_web}",
        "stats-pool:9084": f"{LOOPBACK}:{ports.pool_web}",
    }
    for target, address in addresses.items():
        if configuration.count(f"[{target}]") != 1:
            raise ConfigurationError(f"prometheus.yml does not name [{target}] exactly once")
        configuration = configuration.replace(f"[{target}]", f"[{address}]")
    return configuration


def _service(name: str, module: str, *, ingest: str, web: int) -> Program:
    command = [sys.executable, "-m", module]
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
