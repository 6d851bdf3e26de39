"""Measures what many small senders take of a core, and how soon their rows are seen."""

import time
from dataclasses import dataclass

from benchmarks.common.clients import Scraper, applied
from benchmarks.common.fleet import Shape
from benchmarks.common.programs import Memory
from benchmarks.common.running import running_service
from benchmarks.services.senders import Sending, sending_program

SNAPSHOTS = 4
"""In turn: every row changes from each one to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdFigures:
    """Senders in their stride, and a scrape of everything once an interval."""

    senders: int
    miners: int
    """Of each."""
    interval: float
    cpu_share: float
    """Of one core."""
    snapshots: int
    refused: int
    """Messages: anything but 0 means that less was measured than was sent."""
    applied_mean: float
    applied_p99: float
    """At most so many seconds: the upper edge of the histogram's bucket."""
    scrape: float
    """Seconds, the slowest."""
    memory: Memory


def measure_crowd(senders: int, miners: int, interval: float, seconds: float) -> CrowdFigures:
    """Everyone connects and sends once; then `seconds` are measured."""
    with running_service() as service:
        ingest, web = service.addresses
        scraper = Scraper(web)
        sending = Sending(
            services=(ingest,),
            senders=senders,
            miners=miners,
            interval=interval,
            shape=Shape.FULL,
            snapshots=SNAPSHOTS,
        )
        with sending_program(sending):
            _wait_for(scraper, senders)
            scraper.get("/metrics")
            before, cpu, began = applied(scraper), service.cpu_seconds, time.monotonic()
            scrapes = _scrape_until(scraper, began + seconds, interval)
            share = (service.cpu_seconds - cpu) / (time.monotonic() - began)
            taken = applied(scraper).since(before)
            refused = sum(scraper.samples("stats_gateway_messages_refused_total").values())
            memory = service.memory
        scraper.close()
    return CrowdFigures(
        senders=senders,
        miners=miners,
        interval=interval,
        cpu_share=share,
        snapshots=int(taken.count),
        refused=int(refused),
        applied_mean=taken.mean,
        applied_p99=taken.quantile(0.99),
        scrape=max(scrapes),
        memory=memory,
    )


def _wait_for(scraper: Scraper, senders: int) -> None:
    while applied(scraper).count < senders:
        time.sleep(0.1)


def _scrape_until(scraper: Scraper, end: float, interval: float) -> list[float]:
    scrapes = []
    while (left := end - time.monotonic()) > 0:
        began = time.monotonic()
        scraper.get("/metrics")
        scrapes.append(time.monotonic() - began)
        time.sleep(min(interval, left))
    return scrapes
