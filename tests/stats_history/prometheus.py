"""A real Prometheus on a data directory, and what promtool finds in one."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.stats_history.exposition import Samples
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, asked
from tests.support.servers import running as running_server


class Prometheus:
    """A running server's query API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def samples(self, at: int) -> Samples:
        """Every stored sample of the project's families, from 60 days before `at`."""
        found = self._ask(
            "query", query='{__name__=~"stratum_.+|stats_gateway_downstreams"}[60d]', time=at
        )
        return {
            (
                series["metric"].pop("__name__"),
                frozenset(series["metric"].items()),
            ): [(timestamp, float(value)) for timestamp, value in series["values"]]
            for series in found
        }

    def graph(self, query: str, start: int, end: int, step: int) -> list[list[tuple[int, float]]]:
        """A panel's query: the points of each series."""
        found = self._ask("query_range", query=query, start=start, end=end, step=step)
        return [[(int(at), float(value)) for at, value in series["values"]] for series in found]

    def _ask(self, api: str, **parameters: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = asked(self._port, api, **parameters)["result"]
        return found


@contextmanager
def running(data: Path, folder: Path, scrape: str = "") -> Iterator[Prometheus]:
    """Prometheus on a data directory; `scrape` is the host:port of a stats-proxy, if any."""
    target = {"job_name": "stats-proxy", "static_configs": [{"targets": [scrape]}]}
    config = folder / "prometheus.yml"
    config.write_text(
        json.dumps(
            {"global": {"scrape_interval": "1s"}, "scrape_configs": [target] if scrape else []}
        )
    )
    (port,) = free_ports(1)
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with running_server(command, folder / "prometheus.log", port):
        yield Prometheus(port)


def dump(data: Path) -> list[str]:
    """Every sample in the blocks of a data directory, one line each, sorted."""
    (data / "wal").mkdir(exist_ok=True)  # promtool insists on one
    ran = subprocess.run(
        [program("promtool"), "tsdb", "dump", *_sandbox(data), str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return sorted(ran.stdout.splitlines())


def _sandbox(data: Path) -> list[str]:
    """A newer promtool unpacks the log in a folder that it looks for where it was started."""
    command = [program("promtool"), "tsdb", "dump", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    known = "--sandbox-dir-root" in shown.stdout + shown.stderr
    return [f"--sandbox-dir-root={data.parent}"] if known else []


def samples_in_blocks(data: Path) -> int:
    """How many samples the blocks hold; a sample in two blocks counts twice."""
    metas = (json.loads(meta.read_text()) for meta in data.glob("*/meta.json"))
    return sum(meta["stats"]["numSamples"] for meta in metas)
