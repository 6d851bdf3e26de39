"""Two replicas of each service, fed by a simulated fleet and by hand, scraped by Prometheus."""

import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.grafana.boards import Query, fill
from tests.grafana.prometheus import Prometheus, are_alike, write_configuration
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, Sample, running

POLL_SECONDS = 0.5
PYTHON = (sys.executable, "-m")
SIMULATE = ("simulate", "--scenario=calm", "--seed=1", "--interval=1", "--shares-per-minute=60")

VALUES = {
    "__rate_interval": "10s",
    "__range": "60s",
    "job": ".+",
    "instance": ".+",
    "source": ".+",
    "site": ".*",
    "top": "1",
    "rank": "1",
    "search": "",
}


@dataclass(frozen=True, slots=True)
class Fleet:
    """What runs, by the ports where senders connect, and the Prometheus that watches."""

    prometheus: Prometheus
    proxy_port: int
    pool_port: int
    without_seconds: str
    """What matches the `instance` of all but the second replica of each service."""

    def answers(self, query: Query, miner: str) -> list[Sample]:
        """What `query` gives with everything chosen, and `miner` on the board of one miner."""
        expression = fill(query.expression, VALUES | {"name": miner})
        if query.instant:
            return self.prometheus.now(expression)
        return self.prometheus.lately(expression, seconds=60)

    def is_the_same_of_one_replica(self, query: Query, miner: str) -> bool:
        """Whether `query` gives the same for all instances as without the second replicas."""
        at = time.time()
        both, one = (
            self.prometheus.at(
                fill(query.expression, VALUES | {"name": miner, "instance": instance}), at
            )
            for instance in (VALUES["instance"], self.without_seconds)
        )
        return are_alike(both, one, room=room(query.expression))

    def without_data(self, queries: Iterable[Query], miner: str) -> list[str]:
        """The places of those queries that give nothing."""
        return [str(query) for query in queries if not self.answers(query, miner)]


FEW = re.compile("rejected")
MEASURED = re.compile(r":avg|:rate|rate\(|increase\(")


def room(expression: str) -> float:
    """How far the answers of two replicas may be apart; a row that is taken twice is 0.5.

    They see the first shares at different moments, and remember that for minutes. Of few shares,
    one may see one that the other does not.
    """
    if FEW.search(expression):
        return 1.0
    return 0.4 if MEASURED.search(expression) else 0.05


@contextmanager
def running_fleet(folder: Path) -> Iterator[Fleet]:
    """Everything started, and stopped at the end; `folder` takes logs and data."""
    proxies, proxy_webs, pools, pool_webs = (free_ports(2) for _ in range(4))
    api, feed_web, port, upstream, tap_port, tap_web = free_ports(6)
    prometheus = [program("prometheus"), f"--web.listen-address={LOOPBACK}:{port}"]
    jobs = {"stats-proxy": proxy_webs, "stats-pool": pool_webs, "stats-feed": [feed_web]}
    jobs["stats-feed-tap"] = [tap_web]
    prometheus += [f"--config.file={write_configuration(folder, jobs)}"]
    prometheus += [f"--storage.tsdb.path={folder}/data"]
    simulated = [f"--proxy={LOOPBACK}:{proxy}" for proxy in proxies]
    simulated += [f"--pool={LOOPBACK}:{pool}" for pool in pools]
    to = [f"--to=proxy={LOOPBACK}:{proxy}" for proxy in proxies]
    with ExitStack() as stack:
        services = [("proxy", *ports) for ports in zip(proxies, proxy_webs, strict=True)]
        services += [("pool", *ports) for ports in zip(pools, pool_webs, strict=True)]
        for service, ingest, web in services:
            command = [*PYTHON, f"exporters.{service}", f"--web.listen-address={LOOPBACK}:{web}"]
            command += [f"--ingest.listen-address={LOOPBACK}:{ingest}"]
            stack.enter_context(running(command, folder / f"{service}-{web}.log", web))
        fleet = [*PYTHON, "stats_feed", *SIMULATE, *simulated]
        stack.enter_context(running(fleet, folder / "fleet.log"))
        sri = [*PYTHON, "tests.stats_feed.sri.server", str(api)]
        stack.enter_context(running(sri, folder / "sri.log"))
        feed = [*PYTHON, "stats_feed", "sri", f"--url=http://{LOOPBACK}:{api}", "--source=sri"]
        feed += ["--interval=1", *to]
        feed += [f"--web.listen-address={LOOPBACK}:{feed_web}"]
        stack.enter_context(running(feed, folder / "feed.log"))
        tap = [*PYTHON, "stats_feed", "tap", f"--listen={LOOPBACK}:{tap_port}", "--interval=1"]
        tap += [f"--upstream={LOOPBACK}:{upstream}", *to]
        tap += [f"--web.listen-address={LOOPBACK}:{tap_web}"]
        stack.enter_context(running(tap, folder / "tap.log"))
        mining = [*PYTHON, "tests.stats_feed.tap.passing.mining", f"{upstream}", f"{tap_port}"]
        stack.enter_context(running(mining, folder / "mining.log"))
        stack.enter_context(running(prometheus, folder / "prometheus.log", port))
        firsts = (proxy_webs[0], pool_webs[0], feed_web, tap_web)
        without_seconds = "|".join(f"{LOOPBACK}:{web}" for web in firsts)
        yield Fleet(Prometheus(port), proxies[0], pools[0], without_seconds)


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A sender's connection."""
    with socket.create_connection((LOOPBACK, port), timeout=5) as sender:
        yield sender


def say(sender: socket.socket, *messages: object) -> None:
    """Send each message as a JSON line."""
    sender.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))


def wait_until(missing: Callable[[], list[str]], seconds: float) -> None:
    """Ask again until nothing is missing; fail with what still is."""
    deadline = time.monotonic() + seconds
    while left := missing():
        assert time.monotonic() < deadline, f"after {seconds} s still:\n" + "\n".join(left)
        time.sleep(POLL_SECONDS)
