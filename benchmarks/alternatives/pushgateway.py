"""Pushes the same series as text to Pushgateway and scrapes them there, paired with ours."""

import http.client
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.common import fleet
from benchmarks.common.clients import TIMEOUT_SECONDS, Address, Scraper
from benchmarks.common.fleet import Shape
from benchmarks.common.running import FINE_POLL_SECONDS, Feed, Server, running_service
from benchmarks.cycles.cycle import Cycle
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.text_format import Format

LISTENING = r"address=([\d.]+):(\d+)"
NAME = "prometheus-pushgateway"


OURS_PER_SIDE = 2
"""Cycles of ours before and after each of theirs, which takes many times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushFigures:
    """Seconds of wall time, medians: from the first byte sent to the last byte scraped."""

    shape: Shape
    miners: int
    passes: int
    ours: float
    theirs: float
    their_push: float
    their_scrape: float
    ratio: float
    """Theirs to ours; the median of the passes, in each of which both ran beside each other."""


def measure_pushgateway(program: str, shape: Shape, miners: int, passes: int) -> PushFigures:
    """Push and scrape through both in turn."""
    cycle, messages = Cycle(shape.encoding), fleet.messages(miners, shape)
    ours, pushes, scrapes = [], [], []
    with (
        running_service() as service,
        Feed(service, miners, shape) as feed,
        Server([program, "--web.listen-address=127.0.0.1:0"], LISTENING) as pushgateway,
    ):
        (address,) = pushgateway.addresses
        scraper = Scraper(address)
        feed.warm_up()
        cycle.run(next(messages))
        for _ in range(passes):
            before = _ours(feed, pushgateway)
            cycle.run(next(messages))
            pushes.append(_push(address, b"".join(inflate(cycle.body))))
            began = time.perf_counter()
            scraper.get("/metrics")
            scrapes.append(time.perf_counter() - began)
            ours.append(median(before + _ours(feed, pushgateway)))
        scraper.close()
    theirs = [push + scrape for push, scrape in zip(pushes, scrapes, strict=True)]
    return PushFigures(
        shape=shape,
        miners=miners,
        passes=passes,
        ours=median(ours),
        theirs=median(theirs),
        their_push=median(pushes),
        their_scrape=median(scrapes),
        ratio=median(their / our for their, our in zip(theirs, ours, strict=True)),
    )


def _ours(feed: Feed, pushgateway: Server) -> list[float]:
    """The wall time of several cycles of ours, each with its scrape."""
    taken = []
    for _ in range(OURS_PER_SIDE):
        feed.prepare()
        # Its garbage collection goes on long after its answer, on the cores that ours needs.
        with pushgateway.paused():
            began = time.perf_counter()
            feed.cycle(FINE_POLL_SECONDS)
            feed.scraper.get("/metrics")
            taken.append(time.perf_counter() - began)
    return taken


def _push(address: Address, text: bytes) -> float:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)
    began = time.perf_counter()
    headers = {"Content-Type": Format.TEXT.value}
    connection.request("PUT", "/metrics/job/stats", body=text, headers=headers)
    response = connection.getresponse()
    detail = response.read()
    taken = time.perf_counter() - began
    connection.close()
    if response.status != http.HTTPStatus.OK:
        raise OSError(f"Pushgateway: {response.status} {detail[:200]!r}")
    return taken
