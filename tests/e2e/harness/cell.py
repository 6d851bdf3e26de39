"""A cell on this machine, from its shipped files: two of everything, and each may be killed."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import yaml

from tests.e2e.harness.link import Link
from tests.grafana.prometheus import Prometheus
from tests.rules.alerting import Inbox, eager_routes, faster_rules, receiving, shorter
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.servers import LOOPBACK, asked, is_ready
from tests.support.until import until
from tests.support.yaml_files import Yaml

TIMES = 40.0
"""How much shorter every wait of rules and routes is; the windows of expressions stay."""

SCRAPE_SECONDS = 1
PEER_SECONDS = 10
"""How long the second Alertmanager lets the first one go ahead, in life 15 s. Here this is longer
than the shortened group_interval, or both would now and then tell at one moment."""

MINERS = 12
AGO_SECONDS = 600
"""Since when the fleet has been mining: what it declares is no longer about to rise."""

FEW = 4
"""Snapshots that have come before Prometheus looks: the first ones tell of the past at once."""

STARTED_SECONDS = 60.0
STOP_SECONDS = 20.0
HALVES = ("a", "b")


@dataclass(slots=True)
class Part:
    """One process of the cell, under the name that the shipped files have for it."""

    name: str
    command: Sequence[str]
    port: int
    """Where it answers HTTP, which all of them do."""

    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdout=output, stderr=output, env=self.environment or None
            )

    def wait(self) -> None:
        until(lambda: is_ready(self.port), STARTED_SECONDS, f"{self.name}, see {self.log}")

    def kill(self) -> None:
        """As a crash or a lack of memory does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass(slots=True)
class Cell:
    """What runs, by the names of compose.cell.yaml, and a gateway of each kind that nobody touches.

    Both Prometheus scrape these as well, in jobs of their own, whose boards are the truth.
    """

    parts: dict[str, Part]
    inbox: Inbox
    to_proxy_b: Link
    """From the senders to one gateway."""

    to_pool_b: Link
    """From one Prometheus, `prometheus-a`, to one gateway."""

    def prometheus(self, half: str) -> Prometheus:
        return Prometheus(self.parts[f"prometheus-{half}"].port)

    def peers(self, half: str) -> int:
        """How many Alertmanagers one knows, itself included."""
        port = self.parts[f"alertmanager-{half}"].port
        with urlopen(f"http://{LOOPBACK}:{port}/api/v2/status", timeout=10) as answer:
            return len(json.load(answer)["cluster"]["peers"])

    def targets_up(self, half: str) -> dict[str, bool]:
        """Each target of a Prometheus by its instance, and whether its last scrape succeeded."""
        found = asked(self.parts[f"prometheus-{half}"].port, "targets")["activeTargets"]
        return {one["labels"]["instance"]: one["health"] == "up" for one in found}

    def sequences(self) -> dict[str, list[str]]:
        """What was told of each alert, message by message, without the watchdog."""
        told: dict[str, list[str]] = {}
        for message in list(self.inbox.messages):
            for alert in message.alerts:
                labels = alert["labels"]
                if labels["severity"] != "none":
                    words = (
                        labels[key] for key in ("alertname", "job", "instance") if key in labels
                    )
                    key = " ".join(words)
                    told.setdefault(key, []).append(alert["status"])
        return told


@contextmanager
def running_cell(folder: Path) -> Iterator[Cell]:
    """All of it, started, and killed at the end; `folder` takes configurations, logs and data."""
    with ExitStack() as stack:
        inbox, webhook = stack.enter_context(receiving())
        gateways = _gateways(folder)
        ingest = {name: part.command[-1].rpartition(":")[2] for name, part in gateways.items()}
        to_proxy_b = stack.enter_context(Link(int(ingest["stats-proxy-b"])))
        to_pool_b = stack.enter_context(Link(gateways["stats-pool-b"].port))
        ingest["stats-proxy-b"] = str(to_proxy_b.port)
        fleet = Part("fleet", _fleet(ingest), 0, folder / "fleet.log")
        watchers = _alertmanagers(folder, webhook)
        watchers |= _prometheis(folder, gateways | watchers, to_pool_b.port)
        _start(stack, [fleet, *gateways.values()])
        for gateway in gateways.values():
            until(partial(_has_a_few, gateway.port), STARTED_SECONDS, gateway.name)
        _start(stack, watchers.values())
        for part in watchers.values():
            part.wait()
        yield Cell(gateways | watchers, inbox, to_proxy_b, to_pool_b)


def _start(stack: ExitStack, parts: Iterable[Part]) -> None:
    for part in parts:
        stack.callback(part.kill)
        part.start()


def _has_a_few(port: int) -> bool:
    """Whether a gateway answers, and has taken a few snapshots."""
    try:
        with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return False
    taken = re.findall(
        r'^stats_gateway_messages_total{type="\w+Snapshot"} (\S+)', text, re.MULTILINE
    )
    return sum(map(float, taken)) >= FEW


def _gateways(folder: Path) -> dict[str, Part]:
    parts = {}
    for kind in ("proxy", "pool"):
        for name in (f"stats-{kind}-a", f"stats-{kind}-b", f"truth-{kind}"):
            web, ingest = free_ports(2)
            command = [sys.executable, "-m", f"exporters.{kind}"]
            command += [f"--web.listen-address={LOOPBACK}:{web}"]
            command += [f"--ingest.listen-address={LOOPBACK}:{ingest}"]
            parts[name] = Part(name, command, web, folder / f"{name}.log")
    return parts


def _alertmanagers(folder: Path, webhook: int) -> dict[str, Part]:
    routes = folder / "alertmanager.yml"
    shipped = (ROOT / "prometheus" / "alertmanager.yml").read_text()
    loaded, waits = yaml.safe_load(eager_routes(shipped, webhook)), yaml.safe_load(shipped)
    for eager, real in zip(_routes(loaded), _routes(waits), strict=True):
        for key in ("group_wait", "group_interval"):
            eager.pop(key, None)
            if key in real:
                eager[key] = shorter(real[key], TIMES)
    routes.write_text(yaml.safe_dump(loaded))
    clusters = dict(zip(HALVES, free_ports(2), strict=True))
    parts = {}
    for half, cluster in clusters.items():
        name = f"alertmanager-{half}"
        (web,) = free_ports(1)
        command = [program("alertmanager"), f"--config.file={routes}"]
        command += [f"--storage.path={folder}/{name}", f"--web.listen-address={LOOPBACK}:{web}"]
        command += [f"--cluster.listen-address={LOOPBACK}:{cluster}"]
        command += [f"--cluster.peer={LOOPBACK}:{port}" for port in clusters.values()]
        command += [f"--cluster.peer-timeout={PEER_SECONDS}s", "--cluster.gossip-interval=50ms"]
        command += ["--cluster.reconnect-interval=1s"]
        parts[name] = Part(name, command, web, folder / f"{name}.log")
    return parts


def _routes(configuration: Yaml) -> list[Yaml]:
    return [configuration["route"], *configuration["route"]["routes"]]


def _prometheis(folder: Path, parts: Mapping[str, Part], to_pool_b: int) -> dict[str, Part]:
    """The pair, which reads one file, each with another address for one gateway."""
    (folder / "rules").mkdir()
    for file in (ROOT / "prometheus" / "rules").glob("*.yml"):
        (folder / "rules" / file.name).write_text(faster_rules(file.read_text(), TIMES))
    shipped = (ROOT / "deploy" / "cell" / "prometheus.yml").read_text()
    ports = dict(zip(("prometheus-a", "prometheus-b"), free_ports(2), strict=True))
    addresses = {name: part.port for name, part in parts.items()} | ports
    found = {}
    for name, port in ports.items():
        seen = addresses | ({"stats-pool-b": to_pool_b} if name == "prometheus-a" else {})
        configuration = folder / f"{name}.yml"
        configuration.write_text(_configured(shipped, seen))
        command = [program("prometheus3"), f"--config.file={configuration}"]
        command += [f"--storage.tsdb.path={folder}/{name}"]
        command += [f"--web.listen-address={LOOPBACK}:{port}"]
        environment = {"SITE": "here", "PROMETHEUS_REPLICA": name[-1], "STATS_URL": "http://stats"}
        found[name] = Part(name, command, port, folder / f"{name}.log", environment)
    return found


def _configured(shipped: str, ports: Mapping[str, int]) -> str:
    """The shipped file with this machine's addresses; `instance` stays the shipped name."""
    loaded = yaml.safe_load(shipped)
    interval = f"{SCRAPE_SECONDS}s"
    loaded["global"] |= {"scrape_interval": interval, "scrape_timeout": interval}
    loaded["global"]["evaluation_interval"] = interval
    loaded["rule_files"] = ["rules/*.yml"]
    jobs = [job for job in loaded["scrape_configs"] if job["job_name"] != "stats-feed"]
    for kind in ("proxy", "pool"):
        (job,) = [job for job in jobs if job["job_name"] == f"stats-{kind}"]
        named = [{"targets": [f"truth-{kind}:"]}]
        jobs.append(job | {"job_name": f"truth-{kind}", "static_configs": named})
    for job in jobs:
        job |= {"scrape_interval": interval, "scrape_timeout": interval}
        (targets,) = job["static_configs"]
        job["static_configs"] = [
            {"targets": [_address(target, ports)], "labels": {"instance": target}}
            for target in targets["targets"]
        ]
    (alertmanagers,) = loaded["alerting"]["alertmanagers"]
    (targets,) = alertmanagers["static_configs"]
    targets["targets"] = [_address(target, ports) for target in targets["targets"]]
    return yaml.safe_dump(loaded | {"scrape_configs": jobs})


def _address(target: str, ports: Mapping[str, int]) -> str:
    return f"{LOOPBACK}:{ports[target.partition(':')[0]]}"


def _fleet(ingest: Mapping[str, str]) -> list[str]:
    command = [sys.executable, "-m", "stats_feed", "simulate", "--scenario=calm", "--seed=1"]
    command += ["--interval=1", "--shares-per-minute=600", f"--miners={MINERS}"]
    command += [f"--began={time.time() - AGO_SECONDS:.0f}"]
    for name, port in ingest.items():
        command += [f"--{name.split('-')[1]}={LOOPBACK}:{port}"]
    return command
