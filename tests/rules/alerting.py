"""Runs a real Prometheus and a real Alertmanager on the shipped files, and keeps what they tell."""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from tests.support.blocks import write_samples
from tests.support.ports import free_ports
from tests.support.programs import ROOT, program
from tests.support.servers import LOOPBACK, running

FASTER = 20.0
"""How much shorter every wait of the rules is, if not told; an expression's own windows stay."""

EAGER = "1s"
"""How long routes wait, so that no message is saved by coming between two that are sent."""

SCRAPE_SECONDS = 1
ROOM = {"s": 1.0, "m": 60.0, "h": 3600.0}

Jobs = Mapping[str, Sequence[int]]
"""The ports of each job's targets on this machine."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notification, as a webhook gets it."""

    receiver: str
    status: str
    alerts: tuple[Mapping[str, Any], ...]  # Any: the JSON of Alertmanager

    def tells(self, name: str, status: str) -> bool:
        """Whether an alert of that name is in it with that status."""
        return any(
            one["labels"]["alertname"] == name and one["status"] == status for one in self.alerts
        )


@dataclass(slots=True)
class Inbox:
    """What the receivers got so far, in order."""

    messages: list[Message] = field(default_factory=list)

    def of(self, name: str) -> list[str]:
        """What was told of an alert, one word a message."""
        return [
            status
            for message in self.messages
            for status in ("firing", "resolved")
            if message.tells(name, status)
        ]


@dataclass(frozen=True, slots=True)
class Alerting:
    """The running pair."""

    inbox: Inbox
    alertmanager: int
    prometheus: int
    _reload: Callable[[Jobs], None]

    def scrape(self, jobs: Jobs) -> None:
        """Have Prometheus read its configuration again, with these jobs."""
        self._reload(jobs)

    def post(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Tell Alertmanager of firing alerts by their labels, as a Prometheus does."""
        body = json.dumps([{"labels": labels} for labels in alerts]).encode()
        url = f"http://{LOOPBACK}:{self.alertmanager}/api/v2/alerts"
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10):
            pass


def shorter(duration: str, times: float) -> str:
    """A duration divided: `1m30s` by 10 is `9s`."""
    found = re.findall(r"(\d+)(ms|[smhd])", duration)
    seconds = sum(float(number) * ROOM[unit] for number, unit in found)
    return f"{max(1, round(seconds / times))}s"


def faster_rules(text: str, times: float) -> str:
    loaded = yaml.safe_load(text)
    for group in loaded["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            for key in ("for", "keep_firing_for"):
                if key in rule:
                    rule[key] = shorter(rule[key], times)
    return yaml.safe_dump(loaded)


def eager_routes(text: str, webhook: int) -> str:
    loaded = yaml.safe_load(text)
    for receiver in loaded["receivers"]:
        url = f"http://{LOOPBACK}:{webhook}/{receiver['name']}"
        receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
    for route in (loaded["route"], *loaded["route"]["routes"]):
        for key in ("group_wait", "group_interval"):
            route[key] = EAGER
    loaded["templates"] = []
    return yaml.safe_dump(loaded)


@contextmanager
def receiving() -> Iterator[tuple[Inbox, int]]:
    """A webhook that keeps what it gets, and its port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = Message(self.path.strip("/"), body["status"], tuple(body["alerts"]))
            inbox.messages.append(message)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield inbox, server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def alerting(folder: Path, jobs: Jobs, times: float = FASTER, past: str = "") -> Iterator[Alerting]:
    """Both on the shipped rules and routes; `past`, in OpenMetrics, was scraped before."""
    port, alertmanager = free_ports(2)
    configuration = folder / "prometheus.yml"
    with ExitStack() as stack:
        inbox, webhook = stack.enter_context(receiving())
        routes = folder / "alertmanager.yml"
        routes.write_text(
            eager_routes((ROOT / "prometheus" / "alertmanager.yml").read_text(), webhook)
        )
        command = [program("alertmanager"), f"--config.file={routes}"]
        command += [f"--storage.path={folder}/alerts", "--cluster.listen-address="]
        command += [f"--web.listen-address={LOOPBACK}:{alertmanager}"]
        stack.enter_context(running(command, folder / "alertmanager.log", alertmanager))
        prometheus = None
        if jobs:
            _shorten(folder / "rules", times)
            configuration.write_text(_scrapes(jobs, alertmanager))
            if past:
                write_samples([past], folder / "data")
            command = [program("prometheus3"), f"--config.file={configuration}"]
            command += [f"--storage.tsdb.path={folder}/data", "--rules.alert.resend-delay=1s"]
            command += [f"--web.listen-address={LOOPBACK}:{port}"]
            prometheus = stack.enter_context(running(command, folder / "prometheus.log", port))

        def reload(jobs: Jobs) -> None:
            assert prometheus is not None
            configuration.write_text(_scrapes(jobs, alertmanager))
            prometheus.send_signal(signal.SIGHUP)

        yield Alerting(inbox, alertmanager, port, reload)


def _shorten(rules: Path, times: float) -> None:
    rules.mkdir()
    for file in (ROOT / "prometheus" / "rules").glob("*.yml"):
        (rules / file.name).write_text(faster_rules(file.read_text(), times))


def _scrapes(jobs: Jobs, alertmanager: int) -> str:
    interval = f"{SCRAPE_SECONDS}s"
    configuration = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "rule_files": ["rules/*.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{alertmanager}"]}]}]
        },
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [{"targets": [f"{LOOPBACK}:{one}" for one in ports]}],
            }
            for job, ports in jobs.items()
        ],
    }
    return yaml.safe_dump(configuration)
