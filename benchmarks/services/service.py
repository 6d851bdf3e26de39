"""Measures a service with one sender, and a service with several large sources."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.common.clients import Scraper, applied
from benchmarks.common.fleet import Shape
from benchmarks.common.programs import Memory
from benchmarks.common.running import (
    COARSE_POLL_SECONDS,
    FINE_POLL_SECONDS,
    Feed,
    Server,
    running_service,
)

PARALLEL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """Seconds: medians."""

    first: float
    """The first one of a new snapshot."""
    further: float
    further_cpu: float
    """Of the service."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFigures:
    """Seconds: medians, unless said otherwise."""

    shape: Shape
    miners: int
    visible: float
    """From a snapshot's last byte sent to visible on /metrics."""
    applied_mean: float
    """From its last byte received to visible, by the service's own histogram."""
    cycle_cpu: float
    gzip: Scrape
    identity: Scrape
    parallel: float
    """Further scrapes by ten scrapers at once, until the last one is done."""
    parallel_cpu: float
    memory: Memory
    """After many cycles, each with a gzip scrape."""
    memory_cycles: int
    memory_identity: Memory
    """After scrapes without compression, too."""


def measure_service(
    shape: Shape, miners: int, cycles: int, scrapes: int, memory_cycles: int
) -> ServiceFigures:
    """One service with one sender: delay, CPU time, scrapes, then memory."""
    with running_service() as service, Feed(service, miners, shape) as feed:
        feed.warm_up()
        before = applied(feed.scraper)
        visible = [feed.cycle(FINE_POLL_SECONDS) for _ in range(cycles)]
        taken = applied(feed.scraper).since(before)
        cycle_cpu = [_cycle_cpu(feed) for _ in range(cycles)]
        gzip_scrape = _measure_scrape(feed, scrapes, "gzip")
        parallel, parallel_cpu = _scrape_together(service)
        for _ in range(memory_cycles):
            feed.cycle(COARSE_POLL_SECONDS)
            feed.scraper.get("/metrics")
        resident = service.memory
        identity = _measure_scrape(feed, scrapes // 4 + 1, "identity")
        return ServiceFigures(
            shape=shape,
            miners=miners,
            visible=median(visible),
            applied_mean=taken.mean,
            cycle_cpu=median(cycle_cpu),
            gzip=gzip_scrape,
            identity=identity,
            parallel=parallel,
            parallel_cpu=parallel_cpu,
            memory=resident,
            memory_cycles=memory_cycles,
            memory_identity=service.memory,
        )


def _cycle_cpu(feed: Feed) -> float:
    feed.prepare()
    before = feed.service.cpu_seconds
    feed.cycle(COARSE_POLL_SECONDS)
    return feed.service.cpu_seconds - before


def _measure_scrape(feed: Feed, scrapes: int, encoding: str) -> Scrape:
    first = []
    for _ in range(3):
        feed.cycle(COARSE_POLL_SECONDS)
        first.append(_timed_scrape(feed, encoding)[0])
    further = [_timed_scrape(feed, encoding) for _ in range(scrapes)]
    return Scrape(
        first=median(first),
        further=median(wall for wall, _ in further),
        further_cpu=median(cpu for _, cpu in further),
        bytes=len(feed.scraper.get("/metrics", encoding)),
    )


def _timed_scrape(feed: Feed, encoding: str) -> tuple[float, float]:
    cpu, began = feed.service.cpu_seconds, time.perf_counter()
    feed.scraper.get("/metrics", encoding)
    return time.perf_counter() - began, feed.service.cpu_seconds - cpu


def _scrape_together(service: Server) -> tuple[float, float]:
    _, web = service.addresses
    scrapers = [Scraper(web) for _ in range(PARALLEL)]
    for scraper in scrapers:
        scraper.get("/-/healthy")
    with ThreadPoolExecutor(PARALLEL) as threads:
        cpu, began = service.cpu_seconds, time.perf_counter()
        list(threads.map(lambda scraper: scraper.get("/metrics"), scrapers))
        taken = time.perf_counter() - began, service.cpu_seconds - cpu
    for scraper in scrapers:
        scraper.close()
    return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """A service with several large sources. Seconds: medians."""

    shape: Shape
    sources: int
    miners: int
    """Of all sources together."""
    visible: float
    scrape: float
    scrape_bytes: int
    memory: Memory


def measure_fleet(shape: Shape, sources: int, miners: int, rounds: int) -> FleetFigures:
    """Several sources, each with its share of `miners`, in turn and over again."""
    with ExitStack() as stack:
        service = stack.enter_context(running_service())
        feeds = [
            stack.enter_context(Feed(service, miners // sources, shape, f"translator-{number}"))
            for number in range(sources)
        ]
        visible, scrapes, size = [], [], 0
        for _ in range(rounds):
            visible += [feed.cycle(COARSE_POLL_SECONDS) for feed in feeds]
            scrapes.append(_timed_scrape(feeds[0], "gzip")[0])
            size = len(feeds[0].scraper.get("/metrics"))
        return FleetFigures(
            shape=shape,
            sources=sources,
            miners=miners // sources * sources,
            visible=median(visible),
            scrape=median(scrapes),
            scrape_bytes=size,
            memory=service.memory,
        )
