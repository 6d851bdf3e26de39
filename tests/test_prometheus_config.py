"""The scrape configuration: what Prometheus itself accepts, and the limits it is held to."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.settings.tables.limits import MAX_EXPOSED
from tests.support.programs import program

FOLDER = Path(__file__).resolve().parents[1] / "prometheus"
FILES = ("prometheus.yml", "scrape-snippet.yml")
JOBS = ("stats-proxy", "stats-pool")
FEEDS = "stats-feed"
SAMPLES_PER_ROW = 20
"""Of a row with every value, each reason of its rejects included."""
BYTES_PER_SAMPLE = 130


def jobs(file: str) -> dict[str, dict[str, Any]]:  # YAML has no types
    configuration = yaml.safe_load((FOLDER / file).read_text())
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


@pytest.mark.parametrize("file", FILES)
def test_promtool_accepts_the_file(file: str) -> None:
    command = [program("promtool"), "check", "config", "--lint-fatal", str(FOLDER / file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", JOBS)
def test_limits_fit_the_most_that_one_source_may_show_and_others(file: str, name: str) -> None:
    job = jobs(file)[name]
    samples = MAX_EXPOSED * SAMPLES_PER_ROW
    megabytes = int(job["body_size_limit"].removesuffix("MB"))
    assert samples < job["sample_limit"] < 2 * samples
    assert samples * BYTES_PER_SAMPLE / 1e6 < megabytes < 3 * samples * BYTES_PER_SAMPLE / 1e6
    assert {"label_limit", "label_name_length_limit", "label_value_length_limit"} <= job.keys()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", [*JOBS, FEEDS])
def test_the_servers_own_labels_win(file: str, name: str) -> None:
    assert "honor_labels" not in jobs(file)[name]


@pytest.mark.parametrize("name", JOBS)
def test_scrapes_are_twice_as_frequent_as_snapshots(name: str) -> None:
    assert jobs("prometheus.yml")[name]["scrape_interval"] == "5s"


def test_no_feed_is_asked_that_nobody_named() -> None:
    assert jobs("prometheus.yml")[FEEDS]["static_configs"] == [{"targets": []}]


@pytest.mark.parametrize("name", [*JOBS, FEEDS])
def test_the_snippet_is_the_same_but_for_the_targets(name: str) -> None:
    ours, theirs = jobs("prometheus.yml")[name], jobs("scrape-snippet.yml")[name]
    assert ours.pop("static_configs") != theirs.pop("static_configs")
    assert ours == theirs
