"""A day in the life of the simulated fleet, told as scrapes of both services and of a feed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from exporters.exposition.body import EVERYTHING, assemble
from exporters.exposition.families.pool import LAYOUT as POOL
from exporters.exposition.families.proxy import LAYOUT as PROXY
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.render import Renderer
from exporters.exposition.self_metrics import LastReload, SelfMetrics
from exporters.exposition.text_format import Format
from grafana.drawing.past.remote_write import Series
from stats_feed.health import Health
from stats_feed.simulate.options import parse
from stats_feed.simulate.run import World
from stats_feed.tap.books.counts import Counts, UpstreamFailure, Verdict
from stats_feed.tap.books.families import families
from stats_feed.tap.reader.facts import Direction, Unreadable
from stats_gateway.clock import Now
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service

STEP = 15
"""Seconds between two scrapes; snapshots come as often."""

CALM = parse(["--scenario=calm", "--miners=14", "--seed=1", f"--interval={STEP}"])
FIELD = replace(CALM, proxy_source="translator-2", miners=12, churn=0.05, troubled=True)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SILENT_SECONDS = 600
"""The last source to send falls silent so long before the end, and stays so."""

TAP_MINERS = 40
UPSTREAMS = ("pool.example:3333", "pool2.example:3333")


@dataclass(frozen=True)
class Scraped:
    """One service, and who sends to it."""

    service: Service
    instance: str
    trackers: dict[str, Any]  # Any: of miners or of connections
    layout: Any  # Any: the same


class Gateway:
    """A service without sockets: snapshots in, an exposition out, at whatever time is told."""

    def __init__(self, one: Scraped, begin: float) -> None:
        self._one = one
        self._intake = Intake(Store(one.service, Limits()), Limits())
        self._renderer = Renderer(one.layout, None)
        self._self = SelfMetrics(
            one.service,
            self._intake.counters,
            CollectorRegistry(),
            last_reload=lambda: LastReload(succeeded_at=begin),
        )
        self._peers = {
            name: self._intake.connect(number, "10.0.0.7")
            for number, name in enumerate(one.trackers, 1)
        }
        for name in one.trackers:
            self._say(name, {"Hello": {"source": name, "interval": STEP}}, Now(0.0, 0.0))

    def scrape(self, now: Now, silent: frozenset[str]) -> str:
        """What the service answers after each sender that is not silent has sent."""
        for name, tracker in self._one.trackers.items():
            if name not in silent:
                snapshot = tracker.snapshot(now.unix)
                kind = "MinerSnapshot" if "miners" in snapshot else "ConnectionSnapshot"
                with self._self.apply_seconds.time():
                    self._say(name, {kind: snapshot}, now)
        self._intake.store.expire(now)
        exposition = self._renderer.render(self._intake.store.view)
        rows = b"".join(inflate(assemble(exposition, EVERYTHING, Format.TEXT)))
        return (rows + self._self.render(EVERYTHING, Format.TEXT)).decode()

    def _say(self, name: str, message: object, now: Now) -> None:
        payload, peer = json.dumps(message).encode(), self._peers[name]
        self._intake.received(peer, len(payload))
        self._intake.accept(self._intake.read(payload, Encoding.JSON_LINES, peer, now), peer, now)


def day(begin: int, end: int) -> Iterator[tuple[int, dict[Series, float]]]:
    """Every scrape of everything, one time after the other."""
    worlds = [World(CALM, 1), World(FIELD, 2), World(replace(CALM, miners=5), 3)]
    for world in worlds:
        world.start(begin)
    miners = {f"translator-{n}": world.miners for n, world in enumerate(worlds, 1)}
    pools = {"pool-1": worlds[0].connections}
    services = (
        Scraped(Service.PROXY, "10.0.0.2:8084", miners, PROXY),
        Scraped(Service.POOL, "10.0.0.2:9084", pools, POOL),
    )
    gateways = [(one, Gateway(one, begin)) for one in services]
    feed, tap, random = Feed(), Tap(), Random(1)
    for time in range(begin, end + 1, STEP):
        found: dict[Series, float] = {}
        for world in worlds:
            world.agenda.run_until(time)
        silent = frozenset({"translator-3"} if time > end - SILENT_SECONDS else ())
        for one, gateway in gateways:
            text = gateway.scrape(Now(time, time), silent)
            found |= _scraped(text, one.service.value, one.instance, random)
        text = feed.scrape(time, is_broken=time > end - SILENT_SECONDS)
        found |= _scraped(text, "stats-feed", "10.0.0.4:9085", random)
        text = tap.scrape(time, is_in_trouble=time > end - SILENT_SECONDS)
        yield time, found | _scraped(text, "stats-feed", "10.0.0.5:9085", random)


class Handle:
    """What a feed tells of a gateway, without the connection to it."""

    connected, failures, sent = True, 0, 0

    def statistics(self) -> "Handle":
        return self


class Feed:
    """Tells of two sources, one of which cannot be read at the end."""

    def __init__(self) -> None:
        self._health = Health("1.0.0")
        self._sources = [self._health.add_source(n) for n in ("translator-1", "translator-3")]
        self._handles = [Handle(), Handle()]
        for source, handle in zip(self._sources, self._handles, strict=True):
            gateway = "10.0.0.2", 8082
            self._health.add_gateway(source.source, gateway, handle)  # type: ignore[arg-type]  # a stand-in

    def scrape(self, time: float, *, is_broken: bool) -> str:
        """What the feed answers after it has read both, or one where the other is broken."""
        for number, source in enumerate(self._sources):
            if is_broken and number:
                source.failed("unreachable")
            else:
                source.succeeded(time, 0.04 + 0.02 * number)
                source.last_change, source.rows = time, 14 - 9 * number
                self._handles[number].sent += 1
        return self._health.exposition()


class Tap:
    """Passes on what 40 miners and a pool say, whose first upstream is away at the end."""

    def __init__(self) -> None:
        self._health, self._counts, self._random = Health("1.0.0"), Counts(), Random(2)
        self._source = self._health.add_source("tap-1")
        self._handle = Handle()
        self._health.add_gateway("tap-1", ("10.0.0.2", 8082), self._handle)  # type: ignore[arg-type]  # a stand-in
        self._counts.connections = self._counts.accepted = TAP_MINERS
        self._counts.upstream_connections[UPSTREAMS[0]] = TAP_MINERS

    def scrape(self, time: float, *, is_in_trouble: bool) -> str:
        """What the tap answers after another step of shares and jobs."""
        counts, random = self._counts, self._random
        self._source.succeeded(time, 0.001)
        self._source.last_change, self._source.rows = time, TAP_MINERS
        self._handle.sent += 1
        for _ in range(random.randint(45, 75)):
            verdict = Verdict.STALE if random.random() < 0.01 else Verdict.ACCEPTED
            counts.verdicts[verdict] += 1
            counts.bytes[Direction.TO_POOL] += 110
            counts.bytes[Direction.TO_MINER] += 1500
            counts.added.observe(random.lognormvariate(-10.2, 0.4))
        if is_in_trouble:
            counts.upstream_failures[UPSTREAMS[0], UpstreamFailure.REFUSED] += 2
            counts.unread[Direction.TO_POOL, Unreadable.NOT_JSON] += 1
        own = families(counts, source="tap-1", upstreams=UPSTREAMS)
        return self._health.exposition() + "".join(own)


def _scraped(text: str, job: str, instance: str, random: Random) -> dict[Series, float]:
    target = (("instance", instance), ("job", job))
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = {
        _labels(line.rpartition(" ")[0], target): float(line.rpartition(" ")[2]) for line in lines
    }
    about = {"up": 1.0, "scrape_samples_scraped": float(len(lines))}
    about["scrape_duration_seconds"] = random.uniform(0.004, 0.009)
    return found | {(("__name__", name), *target): value for name, value in about.items()}


_known: dict[tuple[str, Series], Series] = {}


def _labels(series: str, target: Series) -> Series:
    if (series, target) not in _known:
        name, _, labels = series.partition("{")
        pairs = [(n, v) for n, v in LABEL.findall(labels) if v]
        _known[series, target] = tuple(sorted([("__name__", name), *pairs, *target]))
    return _known[series, target]
