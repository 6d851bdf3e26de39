"""House rules of compose.yaml, compose.cell.yaml, the Dockerfile and .env.example."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness.program import Program
from tests.support.cases import for_each
from tests.support.programs import program
from tests.support.yaml_files import Yaml

ROOT = Path(__file__).resolve().parents[1]


ONE, CELL = (
    yaml.safe_load((ROOT / name).read_text()) for name in ("compose.yaml", "compose.cell.yaml")
)
SERVICES: dict[str, Yaml] = ONE["services"]
HALVES: dict[str, Yaml] = CELL["services"]
EVERY = SERVICES | {f"cell {name}": service for name, service in HALVES.items()}

run = partial(subprocess.run, capture_output=True, text=True, check=False)
each_service = for_each("service", EVERY)


@each_service
def test_images_are_pinned_to_a_version(service: Yaml) -> None:
    image = service["image"]
    if "build" in service:
        assert image == "stratum-stats:local"
    else:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image)


@each_service
def test_containers_are_confined(service: Yaml) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()


@each_service
def test_containers_do_not_run_as_root(service: Yaml) -> None:
    assert int(service["user"].split(":")[0]) > 0


@each_service
def test_containers_come_back_and_their_logs_stay_small(service: Yaml) -> None:
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()


@each_service
def test_ports_are_on_loopback_unless_a_variable_says_otherwise(service: Yaml) -> None:
    for port in service.get("ports", []):
        assert re.fullmatch(
            r"\$\{(INGEST|WEB)_ADDRESS(:-127\.0\.0\.1|_B:-127\.0\.0\.2)\}:\$\{[A-Z_]+_PORT:-(\d+)\}:\3",
            port,
        )


@each_service
def test_every_service_that_listens_has_a_health_check(service: Yaml) -> None:
    if "ports" in service:
        assert "test" in service.get("healthcheck", {}) or "HEALTH_URL" in service["environment"]


@each_service
def test_dependencies_are_waited_for_until_healthy(service: Yaml) -> None:
    conditions = service.get("depends_on", {}).values()
    assert all(condition == {"condition": "service_healthy"} for condition in conditions)


@each_service
def test_project_files_are_mounted_read_only(service: Yaml) -> None:
    for volume in service.get("volumes", []):
        source = re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", volume).split(":")[0]
        if source.startswith("."):
            assert volume.endswith(":ro")
            assert (ROOT / source).exists()
        else:
            assert source in ONE["volumes"] | CELL["volumes"]


def test_no_password_has_a_default() -> None:
    for service in EVERY.values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", key):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value)


def test_nothing_can_be_changed_over_prometheus_port() -> None:
    for service in (SERVICES["prometheus"], HALVES["prometheus-a"], HALVES["prometheus-b"]):
        flags = " ".join(service["command"])
        assert not re.search(r"lifecycle|admin-api|remote-write", flags)


@pytest.mark.parametrize("name", ["stats-proxy", "stats-pool"])
def test_a_service_takes_its_settings_from_a_folder_that_env_names(name: str) -> None:
    service = SERVICES[name]
    assert service["volumes"] == ["${CONFIG_FOLDER:-./deploy/compose}:/etc/stratum-stats:ro"]
    file = ROOT / "deploy" / "compose" / f"{name}.toml"
    assert service["command"] == [name, f"--config.file=/etc/stratum-stats/{file.name}"]
    settings = tomllib.loads(file.read_text())
    ports = [port.rpartition(":")[2] for port in service["ports"]]
    listening = [settings[table]["listen_address"] for table in ("ingest", "web")]
    assert listening == [f"0.0.0.0:{port}" for port in ports]
    assert service["environment"]["HEALTH_URL"].endswith(f"127.0.0.1:{ports[1]}/-/healthy")


@pytest.mark.parametrize("name", ["proxy", "pool"])
def test_every_line_of_the_shipped_settings_is_accepted(name: str, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "compose" / f"stats-{name}.toml").read_text()
    contents = {"tokens": "s3cret a\n", "web.yml": "basic_auth_users:\n  a: $2y$04$" + "." * 53}
    for file, content in contents.items():
        (tmp_path / file).write_text(content)
        (tmp_path / file).chmod(0o600)
    # TLS needs certificates that are right: other tests make some.
    lines = [line for line in text.splitlines() if "tls_" not in line]
    uncommented = "\n".join(re.sub(r'^#(?=\w+ = |")', "", line) for line in lines)
    settings = tmp_path / "settings.toml"
    settings.write_text(uncommented.replace("/etc/stratum-stats/", f"{tmp_path}/"))
    command = [sys.executable, "-m", f"exporters.{name}", "--config.check"]
    checked = run([*command, f"--config.file={settings}"], cwd=ROOT)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_service_does_not_warn_of_what_the_published_ports_decide(tmp_path: Path) -> None:
    shipped = (ROOT / "deploy" / "compose" / "stats-proxy.toml").read_text()
    settings = tmp_path / "stats-proxy.toml"
    settings.write_text(re.sub(r"0\.0\.0\.0:\d+", "0.0.0.0:0", shipped))
    with Program("exporters.proxy", f"--config.file={settings}") as program:
        program.wait_for_line("listening for HTTP")
        assert program.stop() == 0
        assert "level=warn" not in program.log()


def test_prometheus_says_how_long_it_keeps_data() -> None:
    assert "--storage.tsdb.retention.time=30d" in SERVICES["prometheus"]["command"]


def test_only_the_simulated_fleet_is_left_out_by_default() -> None:
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name: profile for name, profile in profiles.items() if profile} == {
        "stats-feed": ["demo"]
    }


def test_env_example_names_every_variable_and_its_default() -> None:
    text = "".join((ROOT / name).read_text() for name in ("compose.yaml", "compose.cell.yaml"))
    defaults = dict(re.findall(r"\$\{([A-Z_]+)(?::-([^}]*))?", text))
    example = (ROOT / ".env.example").read_text()
    assert dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE)) == defaults


def test_the_home_board_exists() -> None:
    environment = SERVICES["grafana"]["environment"]
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / "grafana" / "dashboards" / home.name).exists()


def test_the_image_is_not_run_as_root_and_installs_by_hash() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.MULTILINE)
    assert "pip install --require-hashes -r requirements.lock" in dockerfile
    assert not re.search(r"^FROM \S+(:latest| |$)", dockerfile.replace(" AS build", ""))


def test_the_image_holds_every_package() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    not_installed = {"benchmarks", "scripts"}
    assert {f"!{package}/" for package in packages - not_installed} <= set(ignored)


@pytest.mark.parametrize("file", ["compose.yaml", "compose.cell.yaml"])
def test_compose_accepts_the_file_and_refuses_it_without_a_password(
    file: str, tmp_path: Path
) -> None:
    shutil.copy(ROOT / file, tmp_path)  # to where no .env is
    command = [program("docker-compose"), f"--file={file}", "--profile", "demo", "config"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    password = {"GRAFANA_ADMIN_PASSWORD": "x"}
    accepted = run(command, env=environment | password, cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    services = SERVICES if file == "compose.yaml" else HALVES
    assert set(yaml.safe_load(accepted.stdout)["services"]) == set(services)

    refused = run(command, env=environment, cwd=tmp_path)
    assert refused.returncode != 0
    assert "set it in .env" in refused.stderr
