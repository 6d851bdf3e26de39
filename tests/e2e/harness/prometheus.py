"""A real Prometheus that scrapes every second, and what it answers at which time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, Sample, asked, running
from tests.support.until import until

STORED_SECONDS = 15.0
"""Within which a scrape must be there: one interval, and patience with a busy machine."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus, asked over its HTTP interface."""

    port: int

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """What `expression` gives at the unix time `at`, else now."""
        when = {} if at is None else {"time": at}
        found = asked(self.port, "query", query=expression, **when)["result"]
        return [Sample(item["metric"], float(item["value"][1])) for item in found]

    def value(self, expression: str, at: float | None = None) -> float | None:
        """The one value that `expression` gives; None where it gives nothing."""
        found = self.query(expression, at)
        assert len(found) <= 1, found
        return found[0].value if found else None

    def scrapes(self, job: str) -> list[float]:
        """When it scraped `job` in the last minutes, in unix seconds, oldest first."""
        found = asked(self.port, "query", query=f'up{{job="{job}"}}[5m]')["result"]
        return [when for series in found for when, _ in series["values"]]

    def next_scrape(self, job: str, after: float) -> float:
        """The time of the first scrape of `job` that began after `after`, once it is stored."""
        seconds = after - time.time() + STORED_SECONDS
        until(lambda: self.scrapes(job)[-1:] > [after], seconds, f"a scrape after {after}")
        return next(when for when in self.scrapes(job) if when > after)

    def scrape_error(self, job: str) -> str:
        """Why the last scrape of `job` failed; empty where it did not."""
        targets = asked(self.port, "targets")["activeTargets"]
        (target,) = [target for target in targets if target["labels"]["job"] == job]
        return str(target["lastError"])


@contextmanager
def scraping(
    folder: Path, jobs: Mapping[str, int], rules: Sequence[Mapping[str, object]] = ()
) -> Iterator[Prometheus]:
    """A Prometheus of its own in `folder` that scrapes the port of each job.

    It evaluates `rules` every second.
    """
    binary = program("prometheus")
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]}
            for job, port in jobs.items()
        ],
    }
    group = {"name": "rules", "interval": "1s", "rules": list(rules)}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [group] if rules else []}))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    (port,) = free_ports(1)
    command = [
        binary,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with running(command, folder / "prometheus.log", port):
        yield Prometheus(port)
