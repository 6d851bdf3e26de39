"""This module is `stats-feed sri`: it reads each URL and sends what its program says."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from stats_feed.gateways import Gateways, Handles, Service
from stats_feed.health import Health, SourceHealth
from stats_feed.polling import Delivery, ReadError, WrongSourceError, poll_all
from stats_feed.sri.api.http import Api
from stats_feed.sri.api.reading import Kind, Reading, read
from stats_feed.sri.options import SriOptions
from stats_feed.sri.pool import Pool
from stats_feed.sri.sessions import Moment
from stats_feed.sri.translator import Translator

logger = logging.getLogger(__name__)

BULK_STAYS = 0.8
"""A pool that is read from its `/metrics` is so until it has this part of the clients needed."""

MAX_TIMEOUT = 5.0
"""Seconds for one step of a request; less where the interval is shorter."""


def run(options: SriOptions, gateways: Gateways, health: Health, stop: threading.Event) -> None:
    """Read and send until `stop` is set. Raises WrongSourceError."""
    sources = []
    for url, name in options.targets:
        source_health = health.add_source(name)
        sources.append((SriSource(url, name, options, gateways, source_health), source_health))
    poll_all(sources, stop)


class SriSource:
    """One monitoring API, read again and again. Which program it is, the first answer says."""

    def __init__(
        self,
        url: str,
        name: str,
        options: SriOptions,
        gateways: Gateways,
        health: SourceHealth,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval = options.common.interval
        self._url = url
        self._name = name
        self._options = options
        self._gateways = gateways
        self._health = health
        self._clock = clock
        self._api = Api(url, min(MAX_TIMEOUT, self.interval))
        self._started = clock()
        self._kind: Kind | None = None
        self._handles: Handles = ()
        self._channel_handles: Handles = ()
        self._translator = Translator(
            self._started, redact_ip=options.redact_ip, upstream=options.upstream
        )
        self._pool = Pool(
            self._started,
            unknown_type=options.unknown_type,
            redact_ip=options.redact_ip,
            by_channel=bool(options.channels_to),
        )
        self._said = ""
        self._before: Reading | None = None

    def read(self) -> Sequence[Delivery]:
        """Read everything once and return its snapshots. Raises ReadError, WrongSourceError."""
        unix, asked = time.time(), self._clock()
        try:
            reading, answered = self._api.run(read(self._bulk_above()), self._clock)
            self._settle(reading.kind)
        except WrongSourceError as error:
            raise WrongSourceError(f"{self._url}{error}") from error
        except ReadError as error:
            raise ReadError(error.failure, f"{self._url}{error}") from error
        now = Moment(unix=unix, monotonic=asked, answered=answered)
        deliveries = self._deliveries(reading, now)
        self._note(reading, now)
        return deliveries

    def _bulk_above(self) -> float:
        """Return the number of clients from which on `/metrics` is read.

        It is lower once that is so: a client that comes and goes must not change it each time.
        """
        is_bulk = self._before is not None and self._before.is_bulk
        return self._options.bulk_above * (BULK_STAYS if is_bulk else 1.0)

    def _deliveries(self, reading: Reading, now: Moment) -> Sequence[Delivery]:
        if reading.kind is Kind.TRANSLATOR:
            return [Delivery(self._translator.snapshot(reading, now), self._handles)]
        by_client, by_channel = self._pool.snapshots(reading, now)
        deliveries = [Delivery(by_client, self._handles)]
        if self._channel_handles:
            deliveries.append(Delivery(by_channel, self._channel_handles))
        return deliveries

    def _settle(self, kind: Kind) -> None:
        """Connect to the service that this kind of program belongs to."""
        if self._kind is kind:
            return
        if self._kind is not None:
            raise WrongSourceError(
                f" was a {self._kind.value} and is a {kind.value} now: restart stats-feed"
            )
        service = Service.PROXY if kind is Kind.TRANSLATOR else Service.POOL
        addresses = self._gateways.addresses(service, self._options.to)
        self._kind = kind
        # No miner is stale because the program's cache has not been refreshed yet.
        interval = max(self.interval, self._options.cache_refresh)
        self._handles = self._gateways.open(addresses, source=self._name, interval=interval)
        if service is Service.POOL:
            self._channel_handles = self._gateways.open(
                self._options.channels_to, source=self._name, interval=interval
            )

    def _note(self, reading: Reading, now: Moment) -> None:
        health = self._health
        health.rows = len(reading.miners) or len(reading.clients)
        health.restarts = self._translator.restarts + self._pool.restarts
        if self._before is None or not _is_same(self._before, reading):
            health.last_change = now.unix
        self._before = reading
        said = f"{self._url} is a {reading.kind.value}: {self._can_tell(reading)}"
        if said != self._said:
            logger.info("%s: %s", self._name, said)
            self._said = said

    def _can_tell(self, reading: Reading) -> str:
        """Say what is known of its rows, and what is not."""
        if reading.kind is Kind.TRANSLATOR:
            if self._translator.is_aggregated:
                return (
                    "aggregated channels: shares per miner are unknown; "
                    "set aggregate_channels = false"
                )
            if self._translator.is_aggregated is False:
                return "shares, rejects and work are known for each miner"
            return "no miner has a channel yet"
        if reading.kind is Kind.HASHPOOL_POOL:
            return "shares and quotes are known for each connection, work is not"
        if reading.is_bulk:
            return f"over {self._options.bulk_above} clients are read from /metrics"
        return "shares, rejects and work are known for each client; addresses are not"


def _is_same(before: Reading, reading: Reading) -> bool:
    return (before.miners, before.channels, before.clients) == (
        reading.miners,
        reading.channels,
        reading.clients,
    )
