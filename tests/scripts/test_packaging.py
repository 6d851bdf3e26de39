"""What a release holds: the archive of sources, and the wheel."""

import email
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCES = shutil.ignore_patterns(
    ".*_cache",
    ".venv",
    ".tools",
    ".git",
    ".demo",
    "__pycache__",
    "results",
    "node_modules",
    "drawn",
    "rules.yaml",  # deploy/kubernetes/monitoring/rules.sh makes it, as `make check` does
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("exporters", "stats_feed", "stats_gateway", "stats_history", "stats_systemd")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the archive and the wheel, as `python -m build` makes them."""
    folder = tmp_path_factory.mktemp("built")
    checkout = folder / "checkout"
    shutil.copytree(ROOT, checkout, ignore=NOT_SOURCES)
    shutil.rmtree(checkout / "stratum_stats.egg-info", ignore_errors=True)
    for kind in ("sdist", "wheel"):
        build = f"from setuptools.build_meta import *; build_{kind}({str(folder)!r})"
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", build],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    return folder


def in_archive(built: Path) -> set[str]:
    """Paths in the archive, without the folder that holds all of it."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def in_checkout(built: Path, folder: str) -> set[str]:
    checkout = built / "checkout"
    files = (checkout / folder).rglob("*")
    return {str(path.relative_to(checkout)) for path in files if path.is_file()}


@pytest.mark.parametrize(
    "folder",
    [*PACKAGES, "benchmarks", "deploy", "docs", "grafana", "prometheus", "scripts", "tests"],
)
def test_the_archive_holds_every_folder_whole(built: Path, folder: str) -> None:
    assert {path for path in in_checkout(built, folder) if "__pycache__" not in path} <= in_archive(
        built
    )


def test_the_archive_holds_what_is_read_and_run_first(built: Path) -> None:
    names = "LICENSE README.md SECURITY.md CHANGELOG.md Makefile compose.yaml requirements.lock"
    assert set(names.split()) <= in_archive(built)


def test_the_wheel_holds_every_file_that_the_pages_need(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        assets = {name for name in wheel.namelist() if "/assets/" in name}
        manuals = {
            name: wheel.read(f"exporters/endpoints/documents/assets/{name}")
            for name in ("runbook.md", "api.md")
        }
    assert assets == {one for one in in_checkout(built, "exporters") if "/assets/" in one}
    assert "exporters/endpoints/page/assets/vendor/uPlot.LICENSE" in assets
    assert manuals == {name: (ROOT / "docs" / name).read_bytes() for name in manuals}


def test_the_wheel_holds_the_packages_and_the_license_only(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        said = email.message_from_bytes(wheel.read(metadata))
    folders = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert folders == set(PACKAGES)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert said["License-Expression"] == PROJECT["license"] == "Apache-2.0"
    assert said["Requires-Python"] == PROJECT["requires-python"]
