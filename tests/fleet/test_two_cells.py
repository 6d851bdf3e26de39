"""Two sites with two Prometheus each write into one store, for real, and come to grief."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.wire import Sender, connected
from tests.fleet.agreement import differences, now, queries, steps
from tests.fleet.cells import TOKEN, Cell, running_cell
from tests.fleet.shipped import FOLDER, RULES, receiver, store, watch
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, asked, running
from tests.support.until import sleep_until, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

INTERVAL = 60.0
"""What senders declare: rows stay without another snapshot for longer than these tests take."""

CUT_SECONDS = 8
"""As many scrapes as 40 s have where one is every 5 s."""

GONE_SECONDS = 15.0
"""Within which a store no longer shows what is gone from /metrics."""


SHOWN_SECONDS = 60.0
SETTLED_SECONDS = 5
"""After which what was scraped is in both stores."""

MOST_STEPS_MISSED = 3
"""Of seconds: from the end that one Prometheus writes to the next sample of the other."""

HASHRATE = "Hashrate (stat) / A"
CONNECTED = "Miners now (stat) / A"
SOURCES_UP = "Sources (stat) / A"
DRAWN = "Miners by site (timeseries) / A"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two sites, their senders, the store, a Prometheus that gets the same, and vmalert."""

    one: Cell
    two: Cell
    senders: dict[str, Sender]
    store: int
    prometheus: int
    vmalert: int

    def silent(self) -> dict[int, list[str]]:
        """The sites that a rule of either engine calls silent, by the port of the engine."""
        return {
            port: [
                alert["labels"]["site"]
                for alert in asked(port, "alerts")["alerts"]
                if alert["state"] == "firing" and "site" in alert["labels"]
            ]
            for port in (self.prometheus, self.vmalert)
        }

    def shows(self, where: str) -> dict[str, float]:
        """What the board shows now."""
        return now(self.store, where, time.time())


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    at, auth, received, alerts = free_ports(4)
    rules = faster_rules(folder)
    central = folder / "central.yml"
    every_second = {"evaluation_interval": "1s"}
    central.write_text(yaml.safe_dump({"global": every_second, "rule_files": [str(rules)]}))
    with ExitStack() as stack:
        for name, command, port in (
            ("store", store(folder, at, **{"dedup.minScrapeInterval": "1s"}), at),
            ("central", receiver(folder, received, central), received),
            ("vmauth", vmauth(folder, at, auth), None),
            ("vmalert", watch(rules, alerts, at), None),
        ):
            stack.enter_context(running(command, folder / f"{name}.log", port))
        urls = [f"http://{LOOPBACK}:{port}/api/v1/write" for port in (auth, received)]
        one = stack.enter_context(running_cell(folder, "farm-1", urls, raw_rows=True))
        two = stack.enter_context(running_cell(folder, "farm-2", urls))
        senders = {
            cell.name + source: stack.enter_context(sending(cell, source, *names))
            for cell, source, names in (
                (one, "translator-1", ("alice", "bob", "carol")),
                (one, "translator-2", ("dave",)),
                (two, "translator-1", ("erin", "frank")),
            )
        }
        yield Fleet(one, two, senders, at, received, alerts)


def test_what_two_prometheus_write_of_one_site_counts_once(fleet: Fleet) -> None:
    until(lambda: fleet.shows(HASHRATE) == {"": 6e14}, SHOWN_SECONDS)
    assert fleet.shows("Sites (stat) / A") == {"": 2}
    assert fleet.shows(CONNECTED) == {"": 6}
    assert fleet.shows(SOURCES_UP) == {"": 3}
    active = 'stratum_proxy_miners{site="farm-2", state="active"}'
    assert len(asked(fleet.store, "query", query=active)["result"]) == 1

    def written() -> list[float]:
        (found,) = asked(fleet.store, "query", query=f"{active}[1m]")["result"]
        return [float(at) for at, _ in found["values"]]

    until(lambda: written()[-1] - written()[0] > SETTLED_SECONDS)
    seconds = [math.ceil(at) for at in written()]
    assert len(seconds) == len(set(seconds)), "one sample a second, of two Prometheus"
    assert not asked(fleet.store, "query", query='{prometheus_replica!=""}')["result"]


def test_what_a_site_writes_is_its_choice(fleet: Fleet) -> None:
    rows = "group by (site) (stratum_proxy_miner_info)"
    found = asked(fleet.store, "query", query=rows)["result"]
    assert [one["metric"]["site"] for one in found] == ["farm-1"]
    names = 'count by (__name__) ({site="farm-2"})'
    found = asked(fleet.store, "query", query=names)["result"]
    written = {one["metric"]["__name__"] for one in found}
    assert "stats_gateway_source_up" in written
    assert not [
        name for name in written if name.startswith(("stratum_proxy_miner_", "source_name"))
    ]


def test_a_prometheus_that_cannot_scrape_leaves_no_gap(fleet: Fleet) -> None:
    begin = int(time.time())
    fleet.one.link.cut()
    sleep_until(time.monotonic() + CUT_SECONDS)
    fleet.one.link.heal()
    times = range(begin, begin + CUT_SECONDS, 1)
    sleep_until(time.monotonic() + SETTLED_SECONDS)
    shown = steps(fleet.store, DRAWN, "farm-1", times)
    assert set(shown.values()) == {4}
    assert len(times) - len(shown) <= MOST_STEPS_MISSED
    alone = steps(fleet.prometheus, DRAWN, "farm-1", times)
    assert len(times) - len(alone) > MOST_STEPS_MISSED, "the one that writes there did not see it"


def test_a_source_that_leaves_vanishes_within_fifteen_seconds(fleet: Fleet) -> None:
    fleet.senders["farm-1translator-2"].peer.close()
    until(lambda: fleet.one.proxy.downstreams()["translator-2"] is None)
    gone = time.time()
    until(lambda: fleet.shows(SOURCES_UP) == {"": 2} and fleet.shows(CONNECTED) == {"": 5})
    until(lambda: fleet.shows(HASHRATE) == {"": 5e14})
    assert time.time() - gone < GONE_SECONDS
    assert fleet.shows("Sources (stat) / B") == {"": 1}


def test_a_miner_that_leaves_vanishes_within_fifteen_seconds(fleet: Fleet) -> None:
    fleet.senders["farm-1translator-1"].say(miner_snapshot(miners("alice", "bob")))
    fleet.one.proxy.scrape_until(lambda scrape: "carol" not in scrape.names())
    gone = time.time()
    until(lambda: fleet.shows(CONNECTED) == {"": 4})
    row = 'stratum_proxy_miner_info{name="carol"}'
    until(lambda: not asked(fleet.store, "query", query=row)["result"])
    assert time.time() - gone < GONE_SECONDS


def test_the_board_says_the_same_in_both_engines(fleet: Fleet) -> None:
    def disagreements() -> list[str]:
        moment = int(time.time()) - SETTLED_SECONDS
        times = range(moment, moment + 1)
        pairs = [(fleet.prometheus, fleet.store, query, times) for query in queries(instant=True)]
        return [found for pair in pairs for found in differences(*pair)]

    until(lambda: not disagreements(), what="engines that agree")


def test_a_site_that_dies_is_told_of_by_both_engines(fleet: Fleet) -> None:
    """How soon is proved by test_watch.py, with the shipped times.

    The times here are so short that the other site may be silent for a moment on a busy machine.
    """
    until(lambda: not any(fleet.silent().values()), what="every site is heard")
    fleet.two.die()
    until(lambda: all("farm-2" in sites for sites in fleet.silent().values()), 180)


@contextmanager
def sending(cell: Cell, source: str, *names: str) -> Iterator[Sender]:
    """A translator with these miners."""
    with connected(cell.proxy.ingest) as sender:
        sender.hello(source, INTERVAL)
        sender.say(miner_snapshot(miners(*names)))
        yield sender


def faster_rules(folder: Path) -> Path:
    """The rules that watch over all sites, in a sixth of their time."""
    text = RULES.read_text(encoding="utf-8")
    for usual, faster in {
        "[1d:5m]": "[1d]",
        "[1m]": "[10s]",
        "for: 30s": "for: 5s",
        "interval: 15s": "interval: 1s",
    }.items():
        assert usual in text
        text = text.replace(usual, faster)
    file = folder / "fleet.yml"
    file.write_text(text)
    return file


def vmauth(folder: Path, at: int, port: int) -> list[str]:
    """The command of what sites write to, as it is shipped."""
    text = (FOLDER / "vmauth.yml").read_text(encoding="utf-8").replace("%{SITES_TOKEN}", TOKEN)
    file = folder / "vmauth.yml"
    file.write_text(text.replace("victoria-metrics:8428", f"{LOOPBACK}:{at}"))
    return [program("vmauth"), f"-auth.config={file}", f"-httpListenAddr={LOOPBACK}:{port}"]
