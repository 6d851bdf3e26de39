"""The lock files: complete, hashed, and bound to no package index."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["services"],
    *PROJECT["dependency-groups"]["build"],
]
DEVELOPMENT = [name for name in PROJECT["dependency-groups"]["dev"] if isinstance(name, str)]
RELEASE = [name for name in PROJECT["dependency-groups"]["release"] if isinstance(name, str)]
FILES = ("requirements.lock", "requirements-dev.lock", "requirements-release.lock")


def locked(file: str) -> dict[str, str]:
    """Each package's entry: its pin and hashes."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / file).read_text(), flags=re.MULTILINE)
    return dict(re.findall(r"^([a-z0-9-]+)(==(?:.*\\\n)*.*)$", text, re.MULTILINE))


def names(requirements: list[str]) -> Iterator[str]:
    for requirement in requirements:
        yield re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("requirements.lock", RUNTIME),
        ("requirements-dev.lock", RUNTIME + DEVELOPMENT),
        ("requirements-release.lock", PROJECT["dependency-groups"]["build"] + RELEASE),
    ],
)
def test_everything_the_project_asks_for_is_locked(file: str, requirements: list[str]) -> None:
    assert set(names(requirements)) <= set(locked(file)), "run 'make lock'"


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_pinned_with_hashes(file: str) -> None:
    for entry in locked(file).values():
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("file", FILES)
def test_no_package_index_is_named(file: str) -> None:
    assert not re.search(
        r"https?:|--index-url|--extra-index-url|--find-links", (ROOT / file).read_text()
    )


def test_tests_run_on_the_versions_that_run_in_production() -> None:
    development = locked("requirements-dev.lock")
    pins = {name: entry.split()[0] for name, entry in locked("requirements.lock").items()}
    assert {name: development[name].split()[0] for name in pins} == pins
