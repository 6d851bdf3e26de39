"""A site for real: a service, and two Prometheus that scrape it and write into a store."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.e2e.harness.link import Link
from tests.e2e.harness.service import Service
from tests.fleet.shipped import FOLDER, loaded
from tests.grafana.prometheus import write_configuration
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, STARTED_SECONDS, ended, is_ready
from tests.support.until import until
from tests.support.yaml_files import Yaml

JOB = "stats-proxy"
TOKEN = "token of the sites"


@dataclass(frozen=True, slots=True)
class Cell:
    """One site: the service, and the network between it and the first Prometheus."""

    name: str
    proxy: Service
    link: Link
    prometheus: tuple[subprocess.Popen[bytes], ...]

    def die(self) -> None:
        """End both Prometheus at once, without a word."""
        for process in self.prometheus:
            process.kill()


@contextmanager
def running_cell(
    folder: Path, name: str, stores: Sequence[str], *, raw_rows: bool = False
) -> Iterator[Cell]:
    """A site whose two Prometheus write to the first of `stores`, and the first one to all."""
    with ExitStack() as stack:
        processes = []
        proxy = stack.enter_context(Service("proxy"))
        link = stack.enter_context(Link(proxy.web))
        for replica, port in (("a", link.port), ("b", proxy.web)):
            place = folder / f"{name}-{replica}"
            place.mkdir()
            to = stores if replica == "a" else stores[:1]
            file = configure(place, name, replica, port, to, raw_rows=raw_rows)
            processes.append(stack.enter_context(prometheus(place, file)))
        yield Cell(name, proxy, link, tuple(processes))


def configure(
    folder: Path, site: str, replica: str, port: int, stores: Sequence[str], *, raw_rows: bool
) -> Path:
    """What is shipped for a Prometheus of a site, each second in place of each 5 s and more."""
    file = write_configuration(folder, {JOB: [port]})
    configuration, ours = loaded(file), loaded(FOLDER / "site.yml")
    # Both scrape the same service, one of them over a network that can be cut.
    (job,) = configuration["scrape_configs"]
    job["static_configs"][0]["labels"] = {"instance": "gateway-1"}
    configuration["global"]["external_labels"] = ours["global"]["external_labels"] | {
        "site": site,
        "prometheus_replica": replica,
    }
    (write,) = ours["remote_write"]
    if raw_rows:
        write["write_relabel_configs"] = without_the_choice(write["write_relabel_configs"])
    configuration["remote_write"] = [write | {"name": url, "url": url} for url in stores]
    (folder / "fleet-token").write_text(TOKEN)
    file.write_text(yaml.safe_dump(configuration))
    return file


def without_the_choice(rules: list[Yaml]) -> list[Yaml]:
    """The rules without the one that keeps little."""
    return [rule for rule in rules if rule["action"] != "keep"]


@contextmanager
def prometheus(folder: Path, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Prometheus of a site, which may be ended before its time."""
    (port,) = free_ports(1)
    command = [program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address={LOOPBACK}:{port}"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            until(lambda: is_ready(port) or ended(process), STARTED_SECONDS, command[0])
            assert not ended(process), (folder / "log").read_text()[-2000:]
            yield process
        finally:
            process.kill()
