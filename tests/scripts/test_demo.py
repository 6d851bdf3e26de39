"""The demo's parts that need no program to run."""

import re
import socket
from pathlib import Path

import pytest
import yaml

from scripts.demo.guide import Running, guide
from scripts.demo.ports import LOOPBACK, Ports, choose_ports, moved_ports
from scripts.demo.stack import ROOT, RULES, ConfigurationError, grafana, hurried, retarget
from tests.stats_feed.simulate.worlds import FIELD, started

PORTS = Ports(
    proxy_web=1001,
    pool_web=1002,
    prometheus=1003,
    alertmanager=1004,
    feed_web=1005,
    tap_web=1006,
)
CONFIGURATION = (ROOT / "prometheus" / "prometheus.yml").read_text()


def test_only_addresses_change_in_the_scrape_configuration() -> None:
    ours = CONFIGURATION.splitlines()
    demos = retarget(CONFIGURATION, PORTS, alerting=True).splitlines()
    changed = [(a.strip(" -"), b.strip(" -")) for a, b in zip(ours, demos, strict=True) if a != b]
    assert sorted(changed) == [
        ("stats_url: http://localhost:8084", "stats_url: http://127.0.0.1:1001"),
        ("targets: []", "targets: [127.0.0.1:1005, 127.0.0.1:1006]"),
        ("targets: [alertmanager:9093]", "targets: [127.0.0.1:1004]"),
        ("targets: [localhost:9090]", "targets: [127.0.0.1:1003]"),
        ("targets: [stats-pool:9084]", "targets: [127.0.0.1:1002]"),
        ("targets: [stats-proxy:8084]", "targets: [127.0.0.1:1001]"),
    ]


def test_grafana_gets_every_variable_its_provisioning_names(tmp_path: Path) -> None:
    files = (ROOT / "grafana" / "provisioning").rglob("*.y*ml")
    lines = [line for file in files for line in file.read_text().splitlines()]
    settings = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    named = set(re.findall(r"\$([A-Z_]{4,})", settings))
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert named
    assert named <= grafana(PORTS, "/usr/bin/grafana", folder=tmp_path).environment.keys()
    assert named <= compose["services"]["grafana"]["environment"].keys()


def test_without_an_alertmanager_alerts_are_sent_nowhere() -> None:
    assert "targets: []" in retarget(CONFIGURATION, PORTS, alerting=False)


def test_a_configuration_without_the_known_targets_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="stats-pool:9084"):
        retarget(CONFIGURATION.replace("stats-pool", "other"), PORTS, alerting=True)


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as busy:
        busy.bind((LOOPBACK, 0))
        busy.listen()
        port = busy.getsockname()[1]
        chosen = choose_ports(Ports(proxy_web=port))
    assert chosen.proxy_web != port
    assert moved_ports(Ports(proxy_web=port), chosen)[port] == chosen.proxy_web


def test_default_ports_are_those_of_the_scrape_snippet() -> None:
    snippet = Path(ROOT, "prometheus", "scrape-snippet.yml").read_text()
    assert f"[{LOOPBACK}:{Ports().proxy_web}]" in snippet
    assert f"[{LOOPBACK}:{Ports().pool_web}]" in snippet
    assert f"[{LOOPBACK}:{Ports().feed_web}]" in snippet


def test_only_how_long_alerts_wait_changes_in_the_rules() -> None:
    ours = (RULES / "alerts.yml").read_text().splitlines()
    demos = hurried("\n".join(ours)).splitlines()
    changed = [(a, b) for a, b in zip(ours, demos, strict=True) if a != b]
    assert {a.split(":")[0].strip() for a, _ in changed} == {"for", "interval"}
    assert {b.strip() for _, b in changed} == {"for: 1m", "interval: 15s"}


def everything_runs(*, keys: bool) -> str:
    programs = {"stats-proxy", "stats-pool", "stats-feed", "prometheus", "alertmanager", "grafana"}
    return guide(
        Running(
            ports=Ports(prometheus=1),  # nothing answers there
            names=programs,
            miners=started(FIELD).fleet.machines,
            days=7,
            logs=".demo/1234567/",
            keys=keys,
        )
    )


def test_what_the_demo_says_fits_a_terminal() -> None:
    lines = everything_runs(keys=True).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_keys_are_told_where_they_can_be_pressed_and_pages_where_they_answer() -> None:
    assert "Keys:" not in everything_runs(keys=False)
    assert f"http://{LOOPBACK}:1/api/v1/alerts" in everything_runs(keys=False)
    assert "/classic" not in everything_runs(keys=False)
