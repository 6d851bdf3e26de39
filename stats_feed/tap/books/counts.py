"""This module counts what the tap does itself; the loop writes, and a scrape reads."""

from bisect import bisect_left
from collections import Counter
from enum import Enum
from typing import TypeVar

from stats_feed.tap.reader.facts import Direction, Unreadable

ADDED_BUCKETS = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.1, 1.0)
"""Seconds: a hand-over takes some tens of microseconds, a job for 10,000 miners some tenths."""


K = TypeVar("K")


class Verdict(Enum):
    """What became of a share; the value is its name in the tap's metrics."""

    ACCEPTED = "accepted"
    STALE = "stale"
    DUPLICATE = "duplicate"
    LOW_DIFFICULTY = "low_difficulty"
    UNAUTHORIZED = "unauthorized"
    OTHER = "other"
    UNANSWERED = "unanswered"


class Refusal(Enum):
    """Why a miner's connection was closed before anything was passed on."""

    NETWORK = "network_not_allowed"
    TOO_MANY = "too_many_connections"
    TOO_MANY_OF_ADDRESS = "too_many_of_address"
    PROXY_HEADER = "proxy_header"
    TLS_HANDSHAKE = "tls_handshake"
    NO_UPSTREAM = "no_upstream"


class Ending(Enum):
    """Why the tap itself ended a connection that it had passed on."""

    SILENT = "silent"
    """Neither side wrote anything for too long."""
    NEVER_SPOKE = "never_spoke"
    """The miner never wrote anything."""
    NOT_TAKEN = "not_taken"
    """One side did not take what the other one had written."""
    TOO_MUCH_HELD = "too_much_held"
    """All that sides had not taken was too much together."""


class UpstreamFailure(Enum):
    """Why an upstream could not be reached."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    NAME = "name"
    """Its host name is not known."""
    TLS = "tls"
    OUT_OF_RESOURCES = "out_of_resources"
    """This machine had no descriptor or memory for the connection."""
    OTHER = "other"


class Histogram:
    """Counts of seconds by bucket."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self.buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.buckets, seconds)] += 1
        self.sum += seconds

    def add(self, other: "Histogram") -> None:
        """Count what another one with the same buckets has counted."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class Counts:
    """Everything that one process has done so far. Every counter exists from the start."""

    def __init__(self) -> None:
        self.connections = 0
        """Miners that are connected now."""
        self.accepted = 0
        self.rows_refused = 0
        self.redirects = 0
        self.held_bytes = 0
        """Bytes read from one side that the other one has not taken yet."""
        self.bytes = dict.fromkeys(Direction, 0)
        self.verdicts = dict.fromkeys(Verdict, 0)
        self.refused = dict.fromkeys(Refusal, 0)
        self.ended = dict.fromkeys(Ending, 0)
        self.unread = {(way, why): 0 for way in Direction for why in Unreadable}
        self.upstream_connections: Counter[str] = Counter()
        self.upstream_failures: Counter[tuple[str, UpstreamFailure]] = Counter()
        self.added = Histogram(ADDED_BUCKETS)

    def add(self, other: "Counts") -> None:
        """Count what another process has counted, too."""
        self.connections += other.connections
        self.accepted += other.accepted
        self.rows_refused += other.rows_refused
        self.redirects += other.redirects
        self.held_bytes += other.held_bytes
        _add(self.bytes, other.bytes)
        _add(self.verdicts, other.verdicts)
        _add(self.refused, other.refused)
        _add(self.ended, other.ended)
        _add(self.unread, other.unread)
        self.upstream_connections += other.upstream_connections
        self.upstream_failures += other.upstream_failures
        self.added.add(other.added)

    def end(self) -> None:
        """Keep what only grows: the process that counted is gone."""
        self.connections = self.held_bytes = 0


def _add(mine: dict[K, int], its: dict[K, int]) -> None:
    for key, count in its.items():
        mine[key] += count
