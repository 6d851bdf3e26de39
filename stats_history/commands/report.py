"""This module writes the summary that an import prints at its end."""

from collections.abc import Iterator
from datetime import UTC, datetime

from stats_history.commands.importer import Outcome
from stats_history.reading.old_schema import Generation, Kind, OldSchema

DEFAULT_RETENTION_SECONDS = 15 * 86_400
"""What Prometheus keeps without --storage.tsdb.retention.time; it deletes older blocks at once."""


def when(timestamp: int) -> str:
    """A unix timestamp as people read it, such as `2026-01-31 12:00:00 UTC`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def summary(outcome: Outcome, schema: OldSchema, now: int) -> Iterator[str]:
    """The lines of the summary."""
    yield f"rows read        {outcome.findings.rows:,}"
    yield f"samples written  {outcome.samples:,}, in {outcome.slices} slices"
    if outcome.samples:
        yield f"from             {when(outcome.start)}"
        yield f"to               {when(outcome.end - 1)}"
    yield f"downstreams      {outcome.downstreams:,}, in {outcome.sessions:,} sessions"
    yield from (f"skipped          {line}" for line in _skipped(outcome))
    yield from (f"note             {line}" for line in _notes(outcome, schema, now))


def _skipped(outcome: Outcome) -> Iterator[str]:
    rejected, findings = outcome.rejected, outcome.findings
    reasons = (
        (rejected.before_bitcoin, "rows with a timestamp before 2009: the clock was not set"),
        (rejected.in_the_future, "rows with a timestamp in the future"),
        (rejected.bad_id, "rows whose downstream_id is no 32-bit number"),
        (rejected.bad_quote, "quotes with a negative amount or a bad downstream_id"),
        (findings.same_second, "rows replaced by a later row of the same second"),
        (findings.without_hashrate, "hashrates that were negative, infinite or not a number"),
    )
    yield from (f"{count:,} {what}" for count, what in reasons if count)


def _notes(outcome: Outcome, schema: OldSchema, now: int) -> Iterator[str]:
    pool = schema.kind is Kind.POOL
    if outcome.findings.without_name:
        nameless = len(outcome.findings.without_name)
        given = "the connection type 'other'" if pool else "the name 'Miner-ID'"
        yield f"{nameless:,} downstreams are in no table of names: they have {given}"
    if outcome.sessions > outcome.downstreams and not pool:
        yield "a downstream_id that was used again shows its newest name in all its sessions"
    if pool:
        yield "Job Declarator clients were stored as translators, and stay so"
        yield "the pool counted a share that made a quote twice: shares are imported as counted"
    if schema.generation is Generation.EVENTS:
        yield "shares and work are not imported: the old service stored none of either over time"
        yield "hashrates are as reported: nothing is left to check them against"
    if now - outcome.start > DEFAULT_RETENTION_SECONDS and outcome.samples:
        yield (
            "samples are older than 15 days: Prometheus deletes them at once unless "
            "--storage.tsdb.retention.time reaches back that far"
        )
    if outcome.last is not None and outcome.last >= outcome.end:
        yield f"samples from {when(outcome.end)} on are not imported yet: run again to add them"
