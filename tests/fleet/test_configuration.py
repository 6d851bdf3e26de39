"""What is shipped for many sites holds together, and the programs it is for accept it."""

import os
import re
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from grafana.drawing.past.remote_write import write
from tests.fleet.agreement import Stores, flush, queries
from tests.fleet.shipped import FOLDER, RULES, loaded, services, store
from tests.grafana.promql import read
from tests.support.documents import examples
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.servers import LOOPBACK, asked, running
from tests.support.until import until

SERVICES = services()
COMPOSE = (ROOT / "compose.fleet.yaml").read_text()
DATA_SOURCES = (FOLDER / "grafana" / "stores.yml").read_text()
EXAMPLE = (FOLDER / "env.example").read_text()
SITE = loaded(FOLDER / "site.yml")
(WRITE,) = SITE["remote_write"]

run = partial(subprocess.run, capture_output=True, text=True, check=False)
each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.parametrize("promtool", ["promtool", "promtool3"])
def test_prometheus_accepts_what_a_site_adds(tmp_path: Path, promtool: str) -> None:
    shutil.copy(FOLDER / "site.yml", tmp_path)
    (tmp_path / "fleet-token").write_text("x")
    checked = run([program(promtool), "check", "config", str(tmp_path / "site.yml")])
    assert checked.returncode == 0, checked.stderr


def test_prometheus_accepts_the_lines_for_mimir(tmp_path: Path) -> None:
    (lines,) = examples("docs/fleet.md", "Mimir")
    (tmp_path / "prometheus.yml").write_text(lines)
    checked = run([program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")])
    assert checked.returncode == 0, checked.stderr
    (write,) = yaml.safe_load(lines)["remote_write"]
    assert write["write_relabel_configs"][-1] == WRITE["write_relabel_configs"][-1]


def test_a_site_writes_all_that_the_board_and_the_watch_read_and_no_row_of_a_miner() -> None:
    (keep,) = [r["regex"] for r in WRITE["write_relabel_configs"] if r["action"] == "keep"]
    expressions = [query.expression for one in (True, False) for query in queries(instant=one)]
    expressions += [rule["expr"] for rule in loaded(RULES)["groups"][0]["rules"]]
    metrics = {metric for expression in expressions for metric in read(expression).metrics}
    assert "stratum_proxy_miners" in metrics
    assert not [metric for metric in metrics if not re.fullmatch(keep, metric)]
    for row in ("stratum_proxy_miner_info", "source_name:stratum_proxy_hashrate:avg5m", "up"):
        assert not re.fullmatch(keep, row)


def test_the_heartbeat_of_a_site_is_frequent_enough_for_the_watch() -> None:
    """Whatever the evaluation_interval of a Prometheus is, which is a minute unless it says."""
    groups = loaded(ROOT / "prometheus" / "rules" / "alerts.yml")["groups"]
    (interval,) = [
        group["interval"]
        for group in groups
        for rule in group["rules"]
        if rule.get("alert") == "StatsGatewayWatchdog"
    ]
    silent, *_ = loaded(RULES)["groups"][0]["rules"]
    assert interval == "15s"
    assert "[1m]" in silent["expr"], "four of them"


def test_neither_series_nor_alerts_say_which_of_two_prometheus_they_come_from() -> None:
    (replica,) = SITE["global"]["external_labels"].keys() - {"site"}
    relabeling = (WRITE["write_relabel_configs"], SITE["alerting"]["alert_relabel_configs"])
    for rules in relabeling:
        (dropped,) = [rule["regex"] for rule in rules if rule["action"] == "labeldrop"]
        assert re.fullmatch(dropped, replica)
        assert re.fullmatch(dropped, "stats_url"), "it is for the texts of alerts only"
        assert not re.fullmatch(dropped, "site")


@pytest.mark.slow
def test_a_token_opens_writing_only_and_one_of_a_site_writes_as_that_site(tmp_path: Path) -> None:
    at, auth = free_ports(2)
    text = (FOLDER / "vmauth.yml").read_text()
    text = re.sub(r"^#(?=  )", "", text, flags=re.MULTILINE).replace("%{SITES_TOKEN}", "shared")
    (tmp_path / "vmauth.yml").write_text(text.replace("victoria-metrics:8428", f"{LOOPBACK}:{at}"))
    command = [program("vmauth"), f"-auth.config={tmp_path}/vmauth.yml"]
    command += [f"-httpListenAddr={LOOPBACK}:{auth}"]
    with (
        running(store(tmp_path, at), tmp_path / "store.log", at),
        running(command, tmp_path / "vmauth.log"),
    ):
        until(lambda: status(auth, "/health", "") == 200)
        for path in ("/api/v1/query?query=up", "/api/v1/admin/tsdb/delete_series", "/"):
            assert status(auth, path, "shared") in (400, 404)
        # Both say that they are farm-b, in the address as well; what follows it is ignored.
        address = f"http://{LOOPBACK}:{auth}/api/v1/write?extra_label=site=farm-b&ignored="
        for token, name in (("shared", "honest"), ("the token of farm-a", "liar")):
            series = (("__name__", name), ("site", "farm-b"))
            write(address, {series: [(time.time() - 5, 1.0)]}, token)
        with pytest.raises(HTTPError):
            write(
                f"http://{LOOPBACK}:{auth}",
                {(("__name__", "guess"),): [(time.time(), 1.0)]},
                "another",
            )
        flush(at)
        found = asked(at, "query", query='{__name__=~"honest|liar|guess"}')["result"]
        sites = {one["metric"]["__name__"]: one["metric"]["site"] for one in found}
        assert sites == {"honest": "farm-b", "liar": "farm-a"}


def status(port: int, path: str, token: str) -> int:
    """How a GET is answered."""
    request = Request(
        f"http://{LOOPBACK}:{port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


@pytest.mark.slow
def test_a_data_source_for_one_site_shows_that_site_only(stores: Stores) -> None:
    """What Grafana adds to each question, by the shipped example."""
    example = re.search(r"customQueryParameters: (\w+)=(site=)[\w-]+", DATA_SOURCES)
    assert example
    narrowed = {example[1]: f"{example[2]}farm-02"}
    query = "group by (site) (stats_gateway_source_up)"
    found = asked(stores.victoria_metrics, "query", query=query, time=stores.end, **narrowed)
    assert [one["metric"]["site"] for one in found["result"]] == ["farm-02"]


def test_data_sources_are_fixed_and_named_like_their_sites() -> None:
    uncommented = re.sub(r"^#(?=  )", "", DATA_SOURCES, flags=re.MULTILINE)
    sources = yaml.safe_load(uncommented)["datasources"]
    assert [s["uid"] for s in sources] == ["all-sites", "farm-a", "farm-b", "alertmanager"]
    assert all(source["editable"] is False for source in sources)
    assert all(s["name"] == s["uid"] for s in sources if s["uid"].startswith("farm")), "for links"
    assert [source["uid"] for source in sources if source.get("isDefault")] == ["all-sites"]


@each_service
def test_containers_of_the_store_are_pinned_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert "test" in service["healthcheck"]
    for condition in service.get("depends_on", {}).values():
        assert condition == {"condition": "service_healthy"}


@each_service
def test_what_the_store_mounts_exists_and_is_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", volume).split(":")[0]
        if source.startswith("."):
            assert volume.endswith(":ro")
            assert (ROOT / source).exists()


def test_nothing_reaches_the_store_itself_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"vmauth", "alertmanager", "grafana"}
    for ports in published.values():
        for port in ports:
            assert re.fullmatch(
                r"\$\{(STORE|WEB)_ADDRESS:-127\.0\.0\.1\}:\$\{[A-Z_]+_PORT:-(\d+)\}:\2", port
            )


def test_the_example_of_the_environment_names_every_variable_and_its_default() -> None:
    defaults = dict(re.findall(r"\$\{([A-Z_]+)(?::-([^}]*))?", COMPOSE))
    assert dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)) == defaults


def test_compose_accepts_the_store_and_refuses_it_without_its_secrets(tmp_path: Path) -> None:
    shutil.copy(ROOT / "compose.fleet.yaml", tmp_path)  # to where no .env is
    command = [program("docker-compose"), "--file", "compose.fleet.yaml", "config", "--quiet"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    secrets = {"GRAFANA_ADMIN_PASSWORD": "x", "SITES_TOKEN": "x"}
    accepted = run(command, env=environment | secrets, cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    for name in secrets:
        without = {key: value for key, value in secrets.items() if key != name}
        assert run(command, env=environment | without, cwd=tmp_path).returncode != 0
