"""This module writes the tap's own counts as metric families."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from stats_feed.health import Sample, family, sample
from stats_feed.tap.books.counts import Counts, Histogram, UpstreamFailure

PREFIX = "stats_feed_tap"


def families(counts: Counts, *, source: str, upstreams: Sequence[str]) -> Iterator[str]:
    """Yield every family of the tap of a source, in Prometheus's text format."""
    told = _Family(source)
    yield told.one("connections", "gauge", "Miners that are connected.", counts.connections)
    yield told.one(
        "connections_accepted_total", "counter", "Connections taken in.", counts.accepted
    )
    yield told.by(
        "connections_refused_total",
        "Connections closed before anything was passed on.",
        {(reason.value,): count for reason, count in counts.refused.items()},
        "reason",
    )
    yield told.by(
        "connections_ended_total",
        "Connections that the tap itself has ended.",
        {(reason.value,): count for reason, count in counts.ended.items()},
        "reason",
    )
    yield told.by(
        "upstream_connections_total",
        "Connections to an upstream that were made.",
        {(name,): counts.upstream_connections[name] for name in upstreams},
        "upstream",
    )
    yield told.by(
        "upstream_failures_total",
        "Connections to an upstream that could not be made.",
        {
            (name, why.value): counts.upstream_failures[name, why]
            for name in upstreams
            for why in UpstreamFailure
        },
        *("upstream", "reason"),
    )
    yield told.by(
        "bytes_total",
        "Bytes passed on.",
        {(way.value,): count for way, count in counts.bytes.items()},
        "direction",
    )
    yield told.one("held_bytes", "gauge", "Bytes that a peer has not taken yet.", counts.held_bytes)
    yield told.by(
        "lines_unread_total",
        "Lines, and beginnings of other protocols, passed on without being understood.",
        {(way.value, why.value): count for (way, why), count in counts.unread.items()},
        *("direction", "reason"),
    )
    yield told.by(
        "shares_total",
        "Shares by what the pool said of them.",
        {(verdict.value,): count for verdict, count in counts.verdicts.items()},
        "verdict",
    )
    yield told.one(
        "rows_refused_total", "counter", "Workers without a row: too many.", counts.rows_refused
    )
    yield told.one(
        "redirects_total",
        "counter",
        "Messages client.reconnect that name a host, which takes a miner off the tap.",
        counts.redirects,
    )
    yield told.added(counts.added)


@dataclass(frozen=True, slots=True)
class _Family:
    """Writes one family after the other, each sample with the tap's source."""

    source: str

    def one(self, name: str, kind: str, help_: str, value: float) -> str:
        return family(f"{PREFIX}_{name}", kind, help_, [({"source": self.source}, float(value))])

    def by(self, name: str, help_: str, values: dict[tuple[str, ...], int], *labels: str) -> str:
        samples: list[Sample] = [
            ({"source": self.source, **dict(zip(labels, keys, strict=True))}, float(value))
            for keys, value in values.items()
        ]
        return family(f"{PREFIX}_{name}", "counter", help_, samples)

    def added(self, added: Histogram) -> str:
        counted = list(accumulate(added.counts))
        bounds = [*(f"{bound:g}" for bound in added.buckets), "+Inf"]
        labels = {"source": self.source}
        samples = [
            ({**labels, "le": bound}, float(count))
            for bound, count in zip(bounds, counted, strict=True)
        ]
        name = f"{PREFIX}_added_seconds"
        text = family(
            name,
            "histogram",
            "From the reading of bytes to the writing of the same bytes.",
            samples,
            suffix="_bucket",
        )
        text += sample(f"{name}_sum", labels, added.sum)
        return text + sample(f"{name}_count", labels, float(counted[-1]))
