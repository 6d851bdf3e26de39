"""scripts/packages.sh and tools.sh: Debian's packages, had without losing what works."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.programs import program

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts, and an apt that knows the packages in its folder `archive`."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    (tmp_path / "archive").mkdir()
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in (
        "bash",
        "cat",
        "dirname",
        "dpkg-deb",
        "flock",
        "grep",
        "ln",
        "mkdir",
        "mv",
        "rm",
        "tar",
    ):
        (commands / name).symlink_to(program(name))
    copy = f'shift 2; for name; do {program("cp")} "{tmp_path}/archive/$name.deb" . || exit 1; done'
    command(commands, "apt-get", f"case $1 in download) {copy};; *) exit 1;; esac")
    known = f'[ -e "{tmp_path}/archive/$2.deb" ]'
    pages = f'[ ! -e "{tmp_path}/archive/libjs-jquery.deb" ] || echo libjs-jquery'
    command(commands, "apt-cache", f"case $1 in show) {known};; *) {pages};; esac")
    return tmp_path


def command(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def publish(checkout: Path, package: str, *programs: str) -> None:
    """Put a package that holds `programs` into the archive."""
    tree = checkout / "trees" / package
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    fields = {"Package": package, "Version": "1", "Architecture": "all", "Description": "x"}
    fields["Maintainer"] = "nobody <nobody@example.org>"
    control = "".join(f"{name}: {value}\n" for name, value in fields.items())
    (tree / "DEBIAN" / "control").write_text(control)
    (tree / "usr" / "bin").mkdir(parents=True, exist_ok=True)
    for name in programs:
        command(tree / "usr" / "bin", name, f"echo {name} of {package}")
    archive = checkout / "archive" / f"{package}.deb"
    build = [program("dpkg-deb"), "--build", "--root-owner-group", str(tree), str(archive)]
    subprocess.run(build, check=True, capture_output=True)


def tools(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tools.sh where nothing but the checkout's commands can be found."""
    return subprocess.run(
        [checkout / "scripts" / "tools.sh", *arguments],
        env={"PATH": str(checkout / "commands"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def says(checkout: Path, name: str) -> str:
    """What a fetched program says."""
    path = checkout / ".tools" / "bin" / name
    return subprocess.run([path], capture_output=True, text=True, check=True).stdout.strip()


def test_promtool_comes_from_its_own_package_where_there_is_one(checkout: Path) -> None:
    publish(checkout, "prometheus", "prometheus")
    publish(checkout, "promtool", "promtool")
    result = tools(checkout, "prometheus", "promtool", CI="true")
    assert result.returncode == 0, result.stderr
    assert says(checkout, "promtool") == "promtool of promtool"


def test_promtool_comes_with_prometheus_where_there_is_none(checkout: Path) -> None:
    publish(checkout, "prometheus", "prometheus", "promtool")
    result = tools(checkout, "prometheus", "promtool", CI="true")
    assert result.returncode == 0, result.stderr
    assert says(checkout, "promtool") == "promtool of prometheus"
    assert result.stdout.count("Fetching prometheus") == 1


def test_promtool_alone_brings_a_prometheus_with_its_pages(checkout: Path) -> None:
    publish(checkout, "libjs-jquery", "jquery")
    publish(checkout, "prometheus", "prometheus", "promtool")
    assert tools(checkout, "promtool", CI="true").returncode == 0
    assert tools(checkout, "prometheus", CI="true").returncode == 0
    assert (checkout / ".tools/download/prometheus/usr/bin/jquery").exists()


def test_programs_of_one_package_are_fetched_once(checkout: Path) -> None:
    programs = ("victoria-metrics", "vmagent", "vmalert", "vmauth", "vmctl")
    publish(checkout, "prometheus", "prometheus")
    publish(checkout, "victoria-metrics", *programs)
    result = tools(checkout, *programs, CI="true")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Fetching victoria-metrics") == 1
    assert [says(checkout, name) for name in programs] == [
        f"{name} of victoria-metrics" for name in programs
    ]


def test_a_package_without_the_program_brings_no_link_and_is_said_to(checkout: Path) -> None:
    publish(checkout, "prometheus", "prometheus")
    result = tools(checkout, "prometheus", "promtool")
    assert result.returncode == 0
    assert "Not to be had here, so what needs it is skipped: promtool." in result.stderr
    assert not (checkout / ".tools" / "bin" / "promtool").is_symlink()
    assert says(checkout, "prometheus") == "prometheus of prometheus"
    assert tools(checkout, "promtool", CI="true").returncode == 1


def test_what_is_there_is_not_fetched_again_and_outlives_the_archive(checkout: Path) -> None:
    publish(checkout, "prometheus", "prometheus")
    tools(checkout, "prometheus")
    shutil.rmtree(checkout / "archive")
    again = tools(checkout, "prometheus", "promtool")
    assert "Fetching prometheus" not in tools(checkout, "prometheus").stdout
    assert "promtool" in again.stderr
    assert says(checkout, "prometheus") == "prometheus of prometheus"


def test_links_still_work_when_the_checkout_is_moved(checkout: Path, tmp_path: Path) -> None:
    publish(checkout, "prometheus", "prometheus")
    tools(checkout, "prometheus")
    (checkout / ".tools").rename(moved := tmp_path / "moved")
    assert (moved / "bin" / "prometheus").exists()


def test_what_has_to_be_installed_is_named_with_its_command(checkout: Path) -> None:
    result = tools(checkout, "openssl", "ip")
    assert result.returncode == 0
    assert result.stderr == (
        "What needs openssl iproute2 is skipped."
        " To have it: sudo apt-get install openssl iproute2\n"
    )


def test_ubuntu_has_a_browser_as_a_snap_only_and_its_shim_is_not_taken_for_one(
    checkout: Path,
) -> None:
    release = checkout / "os-release"
    release.write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    command(checkout / "commands", "chromium-browser", "echo 'requires the chromium snap'; exit 1")
    result = tools(checkout, "chromium", OS_RELEASE=str(release))
    assert result.returncode == 0
    assert "sudo snap install chromium" in result.stderr
    assert "apt-get" not in result.stderr
    assert not (checkout / ".tools" / "bin" / "chromium").exists()
    assert tools(checkout, "chromium", OS_RELEASE=str(release), CI="true").returncode == 1


def test_a_browser_that_runs_is_taken_under_the_name_that_tests_use(checkout: Path) -> None:
    command(checkout / "commands", "chromium-browser", "echo Chromium 140")
    assert tools(checkout, "chromium", CI="true").returncode == 0
    assert says(checkout, "chromium") == "Chromium 140"


def test_the_unpacked_alertmanager_needs_no_namespace_and_no_other_program() -> None:
    said = subprocess.run(
        [program("alertmanager"), "--version"],
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert "alertmanager, version" in said.stdout + said.stderr
