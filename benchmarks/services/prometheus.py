"""Measures a real Prometheus that scrapes large services and evaluates every rule.

Configuration and rules are those of `prometheus/`, with another scrape interval. Each service has
one sender.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import yaml

from benchmarks.common.clients import Address, Scraper
from benchmarks.common.fleet import INTERVAL_SECONDS, Shape
from benchmarks.common.programs import Memory
from benchmarks.common.running import Server, running_service
from benchmarks.services.past import write_past
from benchmarks.services.senders import Sending, sending_program, source

SHIPPED = Path(__file__).resolve().parents[2] / "prometheus"
ANY_PORT = "--web.listen-address=127.0.0.1:0"
LISTENING = r'"Listening on".*address=([\d.]+):(\d+)'
JOB = "stats-proxy"
SETTLE_SECONDS = 60.0
"""About how long the first scrapes take, before anything is measured."""

PATIENCE_SECONDS = 300.0
"""For the first scrape of every service: the first one creates all series."""

SCRAPED = f'scrape_samples_scraped{{job="{JOB}"}} > 1000'
"""A service whose sender's rows have been scraped; its own metrics alone are some hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrapes:
    """What one Prometheus has to do."""

    shape: Shape
    services: int
    miners: int
    """Of each service."""
    every: int
    """Seconds between two scrapes of a service."""
    past: bool
    """Whether the miners have been there for as long as any rule looks back."""
    seconds: float
    """How long it is measured, after the first scrape of every service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusFigures:
    """One Prometheus in its stride. Seconds are of wall time."""

    scrapes: Scrapes
    samples: int
    """Of one round of scrapes."""
    series: int
    """In its head, with what the rules record."""
    scrape: float
    """The slowest scrape."""
    failed: int
    """Scrapes; anything but 0 means that less was measured than was meant."""
    cpu_share: float
    """Of one core: scrapes and rules."""
    rules: float
    """Evaluating rules, as a share of the time."""
    rules_missed: int
    """Evaluations that did not begin, since the one before had not ended."""
    memory: Memory


def measure_prometheus(program: str, scrapes: Scrapes) -> PrometheusFigures:
    """Services, all of them scraped by one Prometheus."""
    services, miners = scrapes.services, scrapes.miners
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = [stack.enter_context(running_service()).addresses for _ in range(services)]
        sending = Sending(
            services=tuple(ingest for ingest, _ in addresses),
            senders=services,
            miners=miners,
            interval=INTERVAL_SECONDS,
            shape=scrapes.shape,
            snapshots=int((SETTLE_SECONDS + scrapes.seconds) / INTERVAL_SECONDS) + 1,
        )
        stack.enter_context(sending_program(sending))
        webs = [web for _, web in addresses]
        if scrapes.past:
            for number, web in enumerate(webs):
                write_past(folder / "data", web, source(number), miners, int(time.time()))
        configuration = _configure(folder, scrapes, webs)
        storage = f"--storage.tsdb.path={folder / 'data'}"
        command = [program, f"--config.file={configuration}", storage, ANY_PORT]
        prometheus = stack.enter_context(Server(command, LISTENING))
        asked = Asked(prometheus.addresses[0])
        _wait_for_scrapes(asked, services)
        return _figures(prometheus, asked, scrapes)


def _figures(prometheus: Server, asked: "Asked", scrapes: Scrapes) -> PrometheusFigures:
    before, cpu, began = asked.own(), prometheus.cpu_seconds, time.monotonic()
    time.sleep(scrapes.seconds)
    after, taken = asked.own(), time.monotonic() - began
    window = f'{{job="{JOB}"}}[{taken:.0f}s]'
    return PrometheusFigures(
        scrapes=scrapes,
        samples=int(asked.query(f"sum({SCRAPED})")),
        series=int(after.series),
        scrape=asked.query(f"max(max_over_time(scrape_duration_seconds{window}))"),
        failed=int(asked.query(f"sum(count_over_time(up{window}) - sum_over_time(up{window}))")),
        cpu_share=(prometheus.cpu_seconds - cpu) / taken,
        rules=(after.evaluating - before.evaluating) / taken,
        rules_missed=int(after.missed - before.missed),
        memory=prometheus.memory,
    )


def _configure(folder: Path, scrapes: Scrapes, services: Sequence[Address]) -> Path:
    """The shipped configuration with these services as the targets of one job; gives its path."""
    configuration = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    job = jobs[JOB] | {
        "scrape_interval": f"{scrapes.every}s",
        "scrape_timeout": f"{scrapes.every}s",
        "static_configs": [{"targets": [f"{host}:{port}" for host, port in services]}],
    }
    rules = [str(SHIPPED / pattern) for pattern in configuration["rule_files"]]
    configuration |= {"rule_files": rules, "scrape_configs": [job], "alerting": {}}
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


@dataclass(frozen=True, slots=True)
class Own:
    """What Prometheus counts of itself."""

    series: float
    evaluating: float
    """Seconds in which groups of rules were evaluated, all of them together."""
    missed: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The HTTP interface of the Prometheus that is measured.

    Each question has a connection of its own: Prometheus closes those that are idle for 5 minutes.
    """

    address: Address

    def own(self) -> Own:
        """Its own metrics as they are now."""
        with closing(Scraper(self.address)) as scraper:
            samples = scraper.samples()
        missed = "prometheus_rule_group_iterations_missed_total{"
        return Own(
            series=samples["prometheus_tsdb_head_series"],
            evaluating=samples["prometheus_rule_group_duration_seconds_sum"],
            missed=sum(value for name, value in samples.items() if name.startswith(missed)),
        )

    def query(self, expression: str) -> float:
        """The one value that `expression` gives; 0 where it gives nothing."""
        path = f"/api/v1/query?{urlencode({'query': expression})}"
        with closing(Scraper(self.address)) as scraper:
            answer = msgspec.json.decode(scraper.get(path, "identity"), type=_Answer)
        return float(answer.data.result[0].value[1]) if answer.data.result else 0.0


class _Series(msgspec.Struct):
    value: tuple[float, str]


class _Vector(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    data: _Vector


def _wait_for_scrapes(asked: Asked, services: int) -> None:
    """Return once the rows of every service have been scraped. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _scraped(asked) < services:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{services} services were not scraped in {PATIENCE_SECONDS:g} s")
        time.sleep(1)


def _scraped(asked: Asked) -> float:
    """Services whose rows have been scraped; none while Prometheus is still starting."""
    try:
        return asked.query(f"count({SCRAPED})")
    except OSError:
        return 0
