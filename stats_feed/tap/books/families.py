"""This module writes the tap's own counts as metric families."""

from collections.abc import Iterator
from itertools import accumulate

from stats_feed.health import Sample, family
from stats_feed.tap.books.counts import Counts

__all__ = ["families"]

PREFIX = "stats_feed_tap"


def families(counts: Counts) -> Iterator[str]:
    """Yield every family of the tap, in Prometheus's text format."""
    yield _one("connections", "gauge", "Miners that are connected.", counts.connections)
    yield _one("connections_accepted_total", "counter", "Connections taken in.", counts.accepted)
    yield _by(
        "connections_refused_total",
        "Connections closed before anything was passed on.",
        {(reason.value,): count for reason, count in counts.refused.items()},
        "reason",
    )
    yield _by(
        "connections_ended_total",
        "Connections that the tap itself has ended.",
        {(reason.value,): count for reason, count in counts.ended.items()},
        "reason",
    )
    yield _by(
        "upstream_connections_total",
        "Connections to an upstream that were made.",
        {(name,): count for name, count in counts.upstream_connections.copy().items()},
        "upstream",
    )
    yield _by(
        "upstream_failures_total",
        "Connections to an upstream that could not be made.",
        {
            (name, why.value): count
            for (name, why), count in counts.upstream_failures.copy().items()
        },
        *("upstream", "reason"),
    )
    yield _by(
        "bytes_total",
        "Bytes passed on.",
        {(way.value,): count for way, count in counts.bytes.items()},
        "direction",
    )
    yield _one("held_bytes", "gauge", "Bytes that a peer has not taken yet.", counts.held_bytes)
    yield _by(
        "lines_unread_total",
        "Lines, and beginnings of other protocols, passed on without being understood.",
        {(way.value, why.value): count for (way, why), count in counts.unread.items()},
        *("direction", "reason"),
    )
    yield _by(
        "shares_total",
        "Shares by what the pool said of them.",
        {(verdict.value,): count for verdict, count in counts.verdicts.items()},
        "verdict",
    )
    yield _one(
        "rows_refused_total", "counter", "Workers without a row: too many.", counts.rows_refused
    )
    yield _one(
        "redirects_total",
        "counter",
        "Messages client.reconnect, which may take a miner off the tap.",
        counts.redirects,
    )
    yield _added(counts)


def _one(name: str, kind: str, help_: str, value: float) -> str:
    return family(f"{PREFIX}_{name}", kind, help_, [({}, float(value))])


def _by(name: str, help_: str, values: dict[tuple[str, ...], int], *labels: str) -> str:
    samples: list[Sample] = [
        (dict(zip(labels, keys, strict=True)), float(value)) for keys, value in values.items()
    ]
    return family(f"{PREFIX}_{name}", "counter", help_, samples)


def _added(counts: Counts) -> str:
    added = counts.added
    counted = list(accumulate(added.counts))
    bounds = [*(f"{bound:g}" for bound in added.buckets), "+Inf"]
    name = f"{PREFIX}_added_seconds"
    samples = [({"le": bound}, float(count)) for bound, count in zip(bounds, counted, strict=True)]
    text = family(
        name,
        "histogram",
        "From the reading of bytes to the writing of the same bytes.",
        samples,
        suffix="_bucket",
    )
    return f"{text}{name}_sum {added.sum!r}\n{name}_count {float(counted[-1])!r}\n"
