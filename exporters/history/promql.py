"""Writes the PromQL for hashrate over time; the queries need no recording rules.

A point is the average over the step that ends at it, so that points neither overlap nor leave work
out: a miner that left is in no later point, and a miner that reconnected is in each point with the
work of all its sessions. A source is measured by work (the rate of its work counters) where it was
there at both ends of the step and every row tells its work. Otherwise it counts with the hashrate
it declares, averaged over the part of the step for which anything is known at all. Where nothing is
known there is no point. Prometheus itself looks back up to 5 minutes; here a sample is forgotten
after `FRESH_SECONDS`, since no series ends by itself while Prometheus is away.

The same row scraped by two replicas counts once: the largest is taken of the series that differ
only in labels of the scrape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exporters.exposition.text_format import escape
from stats_gateway.rows.rows import HASHING_TYPES
from stats_gateway.wire.services import Service

SAMPLE_SECONDS = 15
"""The least time between two samples of a declared hashrate: a usual scrape interval."""

LOOKS = 60
"""The most samples of a declared hashrate that are taken in one step."""

FRESH_SECONDS = 60
"""How long a sample is valid: Prometheus scrapes once a minute or more often."""

EDGE_SECONDS = 20
"""How close to each end of a step there must be a sample, so that no work is missing."""

EDGE_PART = 6
"""In a long step, this part of the step may be without a sample at each end."""

Matcher = tuple[str, str, str]
"""A label's name, an operator of PromQL, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The names of the families and labels in which one service exposes hashrate."""

    total: str
    """The declared hashrate of each source."""
    declared: str
    work: str
    shares: str
    """A counter that every row has."""
    row_labels: tuple[str, str]
    """The labels that tell the rows of one source apart."""
    rows: str
    """The number of rows of each source, whether they are exposed or hidden."""
    rows_label: str
    mining: tuple[Matcher, ...] = ()
    """The rows whose hashrates add up to the total."""


FAMILIES: Mapping[Service, Families] = {
    Service.PROXY: Families(
        total="stratum_proxy_hashrate_hashes_per_second",
        declared="stratum_proxy_miner_hashrate_hashes_per_second",
        work="stratum_proxy_miner_work_hashes_total",
        shares="stratum_proxy_miner_shares_submitted_total",
        row_labels=("downstream_id", "name"),
        rows="stratum_proxy_miners",
        rows_label="state",
    ),
    Service.POOL: Families(
        total="stratum_pool_hashrate_hashes_per_second",
        declared="stratum_pool_connection_hashrate_hashes_per_second",
        work="stratum_pool_connection_work_hashes_total",
        shares="stratum_pool_connection_shares_submitted_total",
        row_labels=("downstream_id", "connection_type"),
        rows="stratum_pool_connections",
        rows_label="connection_type",
        mining=(("connection_type", "=~", "|".join(sorted(HASHING_TYPES))),),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose hashrate is asked for: that of rows that match `rows`, or of everything that mines."""

    sources: tuple[Matcher, ...] = ()
    rows: tuple[Matcher, ...] = ()

    def of(self, label: str, value: str) -> "Subject":
        """The same subject, narrowed to the rows whose `label` is `value`."""
        return replace(self, rows=(*self.rows, (label, "=", value)))


def known(families: Families, subject: Subject, step: int) -> str:
    """The expression that is 1 at the end of each step in which any source was known."""
    return f"group(present_over_time({series_of(families.total, subject.sources)}[{step}s]))"


def hashrate(families: Families, subject: Subject, step: int, *, measured: bool = True) -> str:
    """The expression of the hashrate; a range query in steps of `step` seconds gives one series.

    Without `measured` a total is what sources declare, and no rows are read for it.
    """
    declared = _declared(families, subject, step)
    if not measured and not subject.rows:
        return f"sum({declared})"
    return f"sum(\n{_measured(families, subject, step)}\nor\n{declared}\n)"


def _measured(families: Families, subject: Subject, step: int) -> str:
    mining = (*subject.sources, *(subject.rows or families.mining))
    work = series_of(families.work, mining)
    edge = max(EDGE_SECONDS, step // EDGE_PART)
    total = series_of(families.total, subject.sources)
    # present_over_time() tells the age of a sample, and takes linear time, unlike timestamp().
    return (
        f"sum by (source) ({_one_replica(families.row_labels, f'rate({work}[{step}s])')})\n"
        f"and on (source) ({_count(families, work)} == on (source) {_rows(families, subject)})\n"
        f"and on (source) present_over_time({total}[{edge}s] offset {step}s)\n"
        f"and on (source) present_over_time({total}[{edge}s])"
    )


def _declared(families: Families, subject: Subject, step: int) -> str:
    looks = f"[{step}s:{max(SAMPLE_SECONDS, step // LOOKS)}s]"
    total = series_of(families.total, subject.sources)
    # Both conditions: a series that has ended is at once absent from the first one only.
    known = f"{total} and present_over_time({total}[{FRESH_SECONDS}s])"
    if subject.rows:
        series = series_of(families.declared, (*subject.sources, *subject.rows))
        value = f"sum by (source) ({_one_replica(families.row_labels, series)})"
    else:
        value = _one_replica((), total)
    return (
        f"sum_over_time(({value} and on (source) ({known})){looks})\n"
        f"/ on () group_left () count_over_time((group({known})){looks})"
    )


def _rows(families: Families, subject: Subject) -> str:
    """The number of rows of each source whose work should be known."""
    if subject.rows:
        shares = series_of(families.shares, (*subject.sources, *subject.rows))
        return _count(families, shares)
    rows = series_of(families.rows, (*subject.sources, *families.mining))
    return f"sum by (source) ({_one_replica((families.rows_label,), rows)})"


def _count(families: Families, series: str) -> str:
    return _one_replica((), f"count without ({', '.join(families.row_labels)}) ({series})")


def _one_replica(labels: Sequence[str], series: str) -> str:
    return f"max by ({', '.join(('source', *labels))}) ({series})"


def series_of(name: str, matchers: Sequence[Matcher]) -> str:
    """The selector of the series `name` whose labels match, as in `up{job="a"}`."""
    pairs = (f'{label}{operator}"{escape(value)}"' for label, operator, value in matchers)
    return f"{name}{{{','.join(pairs)}}}"
