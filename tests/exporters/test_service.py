import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.settings.catalogue import settings_of
from stats_gateway import __version__
from stats_gateway.wire.services import Service

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["proxy", "pool"]


def run(service: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A service that is expected to end by itself."""
    command = [sys.executable, "-m", f"exporters.{service}", *flags]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_its_version_and_its_settings(service: str) -> None:
    assert run(service, "--version").stdout == f"stats-{service} {__version__}\n"


def test_help_names_every_flag() -> None:
    found = run("proxy", "--help")
    assert found.returncode == 0
    assert all(setting.flag in found.stdout for setting in settings_of(Service.PROXY))


def test_good_settings_can_be_checked_without_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        checked = run("proxy", "--config.check", "--web.listen-address", address)
    assert (checked.returncode, checked.stdout) == (0, "stats-proxy: configuration is fine\n")
    assert checked.stderr == ""


def test_bad_settings_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "stats.toml"
    file.write_text("[limits]\nmax_row = 5\n")
    for flags in (["--config.file", str(file)], ["--log.level=loud", "--config.check"]):
        ended = run("proxy", *flags)
        assert ended.returncode == 2
        assert ended.stderr.startswith("stats-proxy: ")
        assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["--ingest.listen-address", "--web.listen-address"])
def test_a_port_that_is_taken_is_one_line_and_exit_code_1(flag: str) -> None:
    other = {"--ingest.listen-address", "--web.listen-address"} - {flag}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("pool", flag, address, *(f"{one}=127.0.0.1:0" for one in other))
    assert ended.returncode == 1
    reason = f"stats-pool: cannot listen on {address} ({flag}): Address already in use"
    assert ended.stderr.startswith(reason)
    assert ended.stderr.count("\n") == 1
