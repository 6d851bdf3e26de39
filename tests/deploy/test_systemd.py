"""The units for systemd: what they say, what `make install` makes of them, and how they confine."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from exporters.settings.catalogue import settings_of
from stats_gateway.wire.services import Service
from tests.support.programs import ROOT, program

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
SOCKETS = sorted(path.name for path in FOLDER.glob("*.socket"))
HARDENING = "# A user that exists while the unit runs"
MOST_EXPOSED = 20
"""In tenths: node_exporter's own example has 92."""


def unit(name: str) -> RawConfigParser:
    """A unit's keys; of a key that stands there twice, the last."""
    parser = RawConfigParser(strict=False)
    parser.read(FOLDER / name)
    return parser


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow  # where systemd need not be installed, the fast tests run without it
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_exposes_as_little_as_it_can(name: str) -> None:
    analyze = [program("systemd-analyze"), "security", "--offline=true", "--no-pager"]
    judged = run(*analyze, f"--threshold={MOST_EXPOSED}", str(FOLDER / name))
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_all_units_are_confined_alike() -> None:
    texts = [(FOLDER / name).read_text().partition(HARDENING)[2] for name in SERVICES]
    confined = {text.partition("\n\n")[0] for text in texts}
    assert len(confined) == 1
    assert "SystemCallFilter=" in confined.pop()


@pytest.mark.slow  # as above
def test_systemd_finds_nothing_wrong_in_the_units(tmp_path: Path) -> None:
    for name in (*SERVICES, *SOCKETS):
        text = (FOLDER / name).read_text()
        (tmp_path / name).write_text(re.sub(r"/opt/stratum-stats/bin/\S+", "/bin/true", text))
    verified = run(program("systemd-analyze"), "verify", *map(str, sorted(tmp_path.iterdir())))
    ours = [line for line in verified.stderr.splitlines() if "stats-" in line]
    assert ours == []


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("listener", ["ingest", "web"])
def test_a_socket_is_where_the_service_listens_by_default(service: Service, listener: str) -> None:
    socket = unit(f"{service.value}-{listener}.socket")["Socket"]
    (setting,) = (one for one in settings_of(service) if one.name == f"{listener}.listen_address")
    assert socket["ListenStream"] == str(setting.default)
    assert socket["FileDescriptorName"] == listener
    assert socket["Service"] == f"{service.value}.service"


@pytest.mark.parametrize("service", Service)
def test_a_service_starts_and_is_enabled_together_with_its_sockets(service: Service) -> None:
    sockets = {name for name in SOCKETS if name.startswith(service.value)}
    parsed = unit(f"{service.value}.service")
    assert len(sockets) == 2
    for words in (parsed["Unit"]["Requires"], parsed["Unit"]["After"], parsed["Install"]["Also"]):
        assert set(words.split()) == sockets


@pytest.mark.parametrize("service", Service)
def test_every_line_of_the_shipped_settings_is_accepted(service: Service, tmp_path: Path) -> None:
    text = (FOLDER / "configuration" / f"{service.value}.toml").read_text()
    given = f"/run/credentials/{service.value}.service/secret_"
    assert text.count(given) == 5
    contents = {"tokens": "s3cret a\n", "web.yml": "basic_auth_users:\n  a: $2y$04$" + "." * 53}
    for name in re.findall(rf"{given}([\w.]+)", text):
        (tmp_path / name).write_text(contents.get(name, ""))
    # TLS needs certificates that are right: other tests make some.
    lines = [line for line in text.splitlines() if "tls_" not in line]
    file = tmp_path / "settings.toml"
    file.write_text(
        "\n".join(re.sub(r'^#(?=\w+ = |")', "", line) for line in lines).replace(
            given, f"{tmp_path}/"
        )
    )
    module = "exporters.proxy" if service is Service.PROXY else "exporters.pool"
    checked = run(sys.executable, "-m", module, "--config.check", f"--config.file={file}")
    assert checked.returncode == 0, checked.stderr
    assert file.read_text().count("#") == text.count("# ") + text.count("#\n")


def test_the_shipped_feeds_have_right_flags(tmp_path: Path) -> None:
    text = (FOLDER / "configuration" / "feed.env.example").read_text()
    feeds = re.findall(r"^#FEED=(.*)$", text, re.MULTILINE)
    assert len(feeds) >= 2
    for folder in ("pool", "users"):
        (tmp_path / folder).mkdir()
    for feed in feeds:
        arguments = feed.replace("/var/log/ckpool", str(tmp_path)).split()
        checked = run(sys.executable, "-m", "stats_feed", *arguments, "--config.check")
        assert checked.returncode == 0, checked.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """A root to install into."""
    path = tmp_path / "a machine"
    path.mkdir()
    yield path
    shutil.rmtree(path)


def make(target: str, machine: Path) -> str:
    """What `make TARGET` says, with only the units and no programs, which take a network."""
    made = run(program("make"), "--silent", target, f"DESTDIR={machine}", "PARTS=units")
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_make_install_brings_units_settings_and_folders_that_only_root_may_read(
    machine: Path,
) -> None:
    said = make("install", machine)
    assert "systemctl enable --now stats-proxy stats-pool" in said
    units = machine / "etc" / "systemd" / "system"
    assert sorted(path.name for path in units.iterdir()) == sorted([*SERVICES, *SOCKETS])
    assert {path.stat().st_mode & 0o777 for path in units.iterdir()} == {0o644}
    configuration = machine / "etc" / "stratum-stats"
    for name in SERVICES:
        parsed = unit(name)["Service"]
        folder = Path(parsed["LoadCredential"].removeprefix("secret:"))
        secrets = machine / folder.relative_to("/")
        assert secrets.stat().st_mode & 0o777 == 0o700
        if "@" not in name:
            file = parsed["ExecStart"].partition("--config.file=")[2]
            assert (machine / Path(file).relative_to("/")).is_file()
    assert configuration.joinpath("feeds").stat().st_mode & 0o777 == 0o755


def test_to_install_again_replaces_units_and_keeps_settings(machine: Path) -> None:
    make("install", machine)
    unit_file = machine / "etc" / "systemd" / "system" / "stats-proxy.service"
    settings = machine / "etc" / "stratum-stats" / "stats-proxy.toml"
    secret = machine / "etc" / "stratum-stats" / "secrets" / "stats-proxy" / "tokens"
    for file in (unit_file, settings, secret):
        file.write_text("# of the operator\n")
    make("install", machine)
    assert unit_file.read_text() == (FOLDER / "stats-proxy.service").read_text()
    assert settings.read_text() == secret.read_text() == "# of the operator\n"


def test_make_uninstall_leaves_the_configuration_alone_and_nothing_else(machine: Path) -> None:
    make("install", machine)
    programs = machine / "opt" / "stratum-stats" / "bin"
    programs.mkdir(parents=True)
    (programs / "stats-proxy").touch()
    assert "rm -r /etc/stratum-stats" in make("uninstall", machine)
    files = [path.relative_to(machine).parts for path in machine.rglob("*") if path.is_file()]
    assert files
    assert {parts[:2] for parts in files} == {("etc", "stratum-stats")}
    assert not programs.parent.exists()


def test_who_is_not_root_is_told_to_be(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "id").write_text("#!/bin/sh\necho 1000\n")
    (commands / "id").chmod(0o755)
    refused = subprocess.run(
        [ROOT / "scripts" / "install.sh"],
        env={"PATH": f"{commands}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "sudo make install" in refused.stderr
