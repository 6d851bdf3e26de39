"""The health check of the image, asked about a real service as it may be configured."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness.program import LOOPBACK, Program
from tests.security.certificates import Authority
from tests.support.ports import free_ports
from tests.support.programs import ROOT

HEALTH = ROOT / "deploy" / "container" / "health.py"


def is_healthy(scheme: str, port: int) -> bool:
    asked = subprocess.run(
        [sys.executable, str(HEALTH)],
        env={"HEALTH_URL": f"{scheme}://{LOOPBACK}:{port}/-/healthy"},
        capture_output=True,
        check=False,
    )
    assert asked.returncode in (0, 1)
    assert b"Traceback" not in asked.stderr
    return asked.returncode == 0


@pytest.mark.parametrize("tls", [None, "certificate", "and one of the client"])
def test_a_service_that_answers_is_healthy_with_and_without_tls(
    tls: str | None, tmp_path: Path
) -> None:
    options = []
    if tls:
        authority = Authority(tmp_path)
        certificate, key = authority.issue("service")
        lines = f"tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n"
        if tls != "certificate":
            lines += f"  client_ca_file: {authority.file}\n"
            lines += "  client_auth_type: RequireAndVerifyClientCert\n"
        (tmp_path / "web.yml").write_text(lines)
        options = [f"--web.config.file={tmp_path}/web.yml"]
    addresses = [f"--{one}.listen-address={LOOPBACK}:0" for one in ("ingest", "web")]
    with Program("exporters.proxy", *addresses, *options) as program:
        port = int(program.wait_for_line(r"listening for HTTP on https?://\S+?:(\d+)")[1])
        assert is_healthy("https" if tls else "http", port)
        assert not is_healthy("http" if tls else "https", port)


def test_a_service_that_is_not_there_is_not_healthy() -> None:
    assert not is_healthy("http", *free_ports(1))
