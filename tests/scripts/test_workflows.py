"""House rules of the workflows, beside what actionlint finds in `make check`."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / ".github"
WORKFLOWS = sorted(path.name for path in (FOLDER / "workflows").iterdir())
ACTION = re.compile(r"uses: (?!\./)(.*)")


def read(name: str) -> dict[Any, Any]:  # YAML has no types
    found = yaml.safe_load((FOLDER / name).read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit_and_say_their_version(name: str) -> None:
    for action in ACTION.findall((FOLDER / "workflows" / name).read_text()):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_more_rights_than_it_names_and_no_secret(name: str) -> None:
    assert "permissions" in read(f"workflows/{name}")
    assert "secrets." not in (FOLDER / "workflows" / name).read_text()
    for job in read(f"workflows/{name}")["jobs"].values():
        assert "uses" in job or "timeout-minutes" in job


def test_nothing_is_published_before_every_test_has_passed() -> None:
    jobs = read("workflows/release.yml")["jobs"]

    def stands_on(job: str) -> set[str]:
        needs = jobs[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*map(stands_on, direct))

    for job in jobs.keys() - {"test"}:
        assert "test" in stands_on(job)


def test_each_kind_of_pinned_thing_is_kept_new() -> None:
    kept = {one["package-ecosystem"] for one in read("dependabot.yml")["updates"]}
    assert kept == {"github-actions", "docker", "docker-compose"}
    assert "make upgrade" in (FOLDER / "workflows" / "upgrade.yml").read_text()
