"""Every block of commands in the documentation is run by a test, or named here with the reason."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness.service import Service
from tests.support.documents import examples
from tests.support.programs import ROOT, program

DOCUMENTS = (
    "README.md",
    "SECURITY.md",
    "docs/start.md",
    "docs/operations.md",
    "docs/sizing.md",
    "docs/fleet.md",
)
"""Those whose commands a reader runs in their order. docs/moving-over.md has a walk of its own."""

RUN = {
    "README.md": {
        "systemd": "tests/deploy/test_machine.py",
        "install": "scripts/bare-machine.sh",
    },
    "SECURITY.md": {
        "certificates": "tests/documents/test_senders_and_tables.py",
    },
    "docs/start.md": {
        "they answer": "here",
        "shell sender": "tests/documents/test_senders_and_tables.py",
        "see the rows": "here",
        "check": "here",
    },
    "docs/operations.md": {
        "systemd": "tests/deploy/test_machine.py",
        "systemd, at the end": "tests/deploy/test_machine.py",
        "compose": "here, with a docker that has no engine",
        "kubernetes": "tests/deploy/test_kubernetes.py, with a kubectl that has no cluster",
        "cell": "tests/deploy/test_cell.py",
    },
    "docs/sizing.md": {},
    "docs/fleet.md": {},
}
"""Where the blocks of each name are run."""

NOT_RUN = {
    "make demo": "tests/e2e/test_demo.py and scripts/bare-machine.sh run the demo",
    "cp .env.example .env": "it needs a Docker engine; Compose reads the file in test_compose.py",
    "stats-feed sri --url": "tests/stats_feed runs both feeds with other addresses",
    "cosign verify": "it needs a release, and the network",
    "docker compose build --pull": "it needs a Docker engine",
    "docker compose --file compose.cell.yaml": "it needs a Docker engine; e2e/test_cell.py runs it",
    "docker compose stop prometheus": "it needs a Docker engine",
    "cp deploy/fleet/env.example": "it needs a Docker engine; tests/fleet reads the file",
    "thanos sidecar": "Debian has no Thanos, and a build of it takes minutes",
}
"""Blocks that no test runs as they are, by their beginnings."""

BLOCK = re.compile(
    r"(?:<!-- test: (?P<name>[^>]+) -->\s*)?^```(?:sh|bash)\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def blocks(document: str) -> Iterator[tuple[str | None, str]]:
    text = (ROOT / document).read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield found["name"], found["code"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_of_commands_is_run_or_named_with_its_reason(document: str) -> None:
    found = list(blocks(document))
    names = {name for name, _ in found if name is not None}
    assert names == RUN[document].keys()
    unnamed = [code for name, code in found if name is None]
    assert [code for code in unnamed if not code.startswith(tuple(NOT_RUN))] == []


def test_no_reason_is_left_for_a_block_that_is_gone() -> None:
    unnamed = [code for one in DOCUMENTS for name, code in blocks(one) if name is None]
    assert [begin for begin in NOT_RUN if not any(code.startswith(begin) for code in unnamed)] == []


def run(commands: str, folder: Path = ROOT, **environment: str) -> str:
    """What commands print in bash; fails where one of them fails."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.mark.slow
def test_the_commands_of_the_start_page_answer() -> None:
    program("curl")
    (answer,) = examples("docs/start.md", "they answer")
    (see,) = examples("docs/start.md", "see the rows")
    with Service("proxy") as proxy, Service("pool") as pool:
        ports = {"8084": proxy.web, "9084": pool.web}

        def here(commands: str) -> str:
            for usual, ours in ports.items():
                commands = commands.replace(usual, str(ours))
            return run(commands)

        assert here(answer).count("is Ready") == 2
        seen = here(see)
    assert '"healthy":false' in seen
    assert "stats_gateway_build_info" in seen


@pytest.mark.slow
def test_the_start_page_checks_what_is_shipped() -> None:
    path = os.pathsep.join(str(Path(program(name)).parent) for name in ("promtool", "amtool"))
    (check,) = examples("docs/start.md", "check")
    assert run(check, PATH=f"{path}{os.pathsep}{os.environ['PATH']}").count("SUCCESS") > 2


def test_settings_for_containers_are_taken_from_the_copied_folder(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, line in {
        "sudo": 'exec "$@"',
        "chown": "true  # the user 10001 is one of the image",
        "docker": "true  # there is no engine",
    }.items():
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    folder = tmp_path / "settings"
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy", checkout / "deploy")
    shutil.copy(ROOT / "compose.yaml", checkout)
    (checkout / ".env").write_text("GRAFANA_ADMIN_PASSWORD=x\n")
    for block in examples("docs/operations.md", "compose"):
        run(
            block.replace("/etc/stratum-stats", str(folder)),
            checkout,
            PATH=f"{commands}{os.pathsep}{os.environ['PATH']}",
        )
    shown = run(f"{program('docker-compose')} config", checkout)
    mounted = str(yaml.safe_load(shown)["services"]["stats-proxy"]["volumes"])
    assert str(folder) in mounted
    settings = folder / "stats-proxy.toml"
    settings.write_text(settings.read_text().replace("/etc/stratum-stats", str(folder)))
    check = f"{sys.executable} -m exporters.proxy --config.check --config.file={settings}"
    assert "configuration is fine" in run(check)
    assert "\ntoken_file" in settings.read_text()


def test_prometheus_accepts_the_lines_for_a_service_with_tls(tmp_path: Path) -> None:
    (lines,) = examples("docs/operations.md", "scrape with TLS")
    job = {"job_name": "stats-proxy", **yaml.safe_load(lines)}
    job["static_configs"] = [{"targets": ["stats-proxy:8084"]}]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    (tmp_path / "password").write_text("x")
    (tmp_path / "authority.pem").touch()
    assert "SUCCESS" in run(f"{program('promtool')} check config {file}")
