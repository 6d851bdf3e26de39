"""A cell's files: the halves are alike, and each is like what compose.yaml starts alone."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.cases import for_each
from tests.support.documents import examples
from tests.support.programs import ROOT, program
from tests.support.yaml_files import Yaml, read_yaml

REPLICA = "prometheus_replica"


CELL, ALONE = (
    read_yaml(ROOT / "deploy/cell/prometheus.yml"),
    read_yaml(ROOT / "prometheus/prometheus.yml"),
)
HALVES: dict[str, Yaml] = read_yaml(ROOT / "compose.cell.yaml")["services"]
SERVICES: dict[str, Yaml] = read_yaml(ROOT / "compose.yaml")["services"]
KINDS = sorted(SERVICES.keys() - {"stats-feed"})


def jobs(configuration: Yaml) -> dict[str, Yaml]:
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


def targets(static_configs: list[Yaml]) -> list[str]:
    return [target for one in static_configs for target in one["targets"]]


def test_the_halves_are_alike_but_for_their_letter() -> None:
    first = {name: half for name, half in HALVES.items() if name.endswith("-a")}
    text = re.sub(r"-a(?=[:\"/])", "-b", json.dumps(first))
    text = re.sub(r"_ADDRESS:-127.0.0.1", "_ADDRESS_B:-127.0.0.2", text)
    text = text.replace('"PROMETHEUS_REPLICA": "a"', '"PROMETHEUS_REPLICA": "b"')
    second = json.loads(text)
    # Both name both, in the same order.
    second["alertmanager-b"]["command"] = HALVES["alertmanager-a"]["command"]
    assert second == {name: half for name, half in HALVES.items() if name.endswith("-b")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_half_is_what_stands_alone_under_another_name(kind: str) -> None:
    half, alone = HALVES[f"{kind}-a"], SERVICES[kind]
    where = {"volumes", "command", "environment", "depends_on"}
    assert half.keys() - where == alone.keys() - where
    assert all(half[key] == alone[key] for key in half.keys() - where)
    if "environment" in alone:
        named = json.loads(re.sub(r"-a(?=:)", "", json.dumps(half["environment"])))
        assert named == alone["environment"]


def test_nothing_waits_for_the_other_half() -> None:
    assert not [name for name, service in HALVES.items() if "depends_on" in service]


def test_every_process_of_a_cell_is_watched_by_both() -> None:
    watched = {
        target.split(":")[0]
        for job in jobs(CELL).values()
        for target in targets(job["static_configs"])
    }
    assert watched == {name for name in HALVES if not name.startswith(("grafana", "stats-feed"))}


@for_each("name", ["stats-proxy", "stats-pool", "stats-feed"])
def test_a_job_is_the_one_that_stands_alone_but_for_its_targets(name: str) -> None:
    ours, alone = jobs(CELL)[name], jobs(ALONE)[name]
    two = [
        f"{host}-{half}:{port}"
        for host, port in (t.split(":") for t in targets(alone.pop("static_configs")))
        for half in "ab"
    ]
    assert targets(ours.pop("static_configs")) == two
    assert ours == alone


def test_what_the_rules_say_of_external_labels_is_there_and_leaves_with_no_alert() -> None:
    rules = (ROOT / "prometheus" / "rules" / "alerts.yml").read_text()
    used = set(re.findall(r"\$externalLabels\.(\w+)", rules))
    labels = CELL["global"]["external_labels"]
    assert labels.keys() == used | {"site", REPLICA}
    [drop] = CELL["alerting"]["alert_relabel_configs"]
    assert drop["action"] == "labeldrop"
    assert {name for name in labels if re.fullmatch(drop["regex"], name)} == used | {REPLICA}


def test_both_replicas_tell_both_alertmanagers() -> None:
    [found] = CELL["alerting"]["alertmanagers"]
    told = targets(found["static_configs"])
    assert told == targets(jobs(CELL)["alertmanager"]["static_configs"])
    peers = [flag for flag in HALVES["alertmanager-a"]["command"] if "cluster.peer=" in flag]
    assert peers == [f"--cluster.peer={one.split(':')[0]}:9094" for one in told]


def test_the_two_evaluate_as_often_as_one_that_stands_alone() -> None:
    for key in ("scrape_interval", "evaluation_interval"):
        assert CELL["global"][key] == ALONE["global"][key]


@pytest.mark.parametrize("promtool", ["promtool", "promtool3"])
def test_promtool_accepts_the_file_with_its_rules(promtool: str) -> None:
    path = ROOT / "deploy" / "cell" / "prometheus.yml"
    command = [program(promtool), "check", "config", "--lint-fatal", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 rule files found" in done.stdout


def test_the_simulated_fleet_sends_to_every_gateway() -> None:
    ingest = [
        f"{name}:{'8082' if 'proxy' in name else '9083'}"
        for name in HALVES
        if re.match(r"stats-p\w+-", name)
    ]
    told = [flag.split("=")[1] for flag in HALVES["stats-feed"]["command"] if "=" in flag]
    assert sorted(told) == sorted(ingest)


def test_every_path_of_the_files_is_in_the_checkout() -> None:
    folder = ROOT / "deploy" / "cell"
    for pattern in CELL["rule_files"]:
        assert len(list(folder.glob(pattern))) == len(
            list(Path(ROOT / "prometheus" / "rules").iterdir())
        )


def test_the_commands_of_the_manual_give_a_configuration_of_two_machines(tmp_path: Path) -> None:
    (commands,) = examples("docs/operations.md", "cell")
    here = commands.replace("sudo ", "").replace("/etc/stratum", str(tmp_path))
    subprocess.run(["bash", "-euc", here], cwd=ROOT, check=True)
    made = tmp_path / "deploy" / "cell" / "prometheus.yml"
    found = jobs(yaml.safe_load(made.read_text()))
    machines = [f"machine-{half}.example.org" for half in "ab"]
    for name, port in {"stats-proxy": 8084, "stats-pool": 9084, "prometheus": 9090}.items():
        assert targets(found[name]["static_configs"]) == [f"{one}:{port}" for one in machines]
    command = [program("promtool"), "check", "config", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 rule files found" in done.stdout, done.stderr
