"""Writes the PromQL of what the status page draws: recorded series, as the boards draw them.

All lines of one view are one question, so that they have the same points in time. For example, the
hashrate that miners declare is the part of the question that says

    label_replace(sum(max by (job, source) (FAMILY{})), "line", "hashrate declared", "", "")

Where the rules record nothing, a line is of the family itself, also as on the boards: what is
declared, the number of rows, and for one miner or connection its rejects by reason and its sessions
or channels; for a connection its shares, too. A replica counts once: `max by`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from exporters.history.client import Question
from exporters.history.promql import Matcher, series_of
from stats_gateway.wire.services import Service

LINE = "line"
"""The label that says which chart and which line of it a series is."""

MOST_SPARKLINES = 50
"""Rows in one question for sparklines: more than a screen shows."""

SPARKLINE_STEP = 1800
"""Seconds between two points of a sparkline, which has 49 of them."""


class RowLabel(StrEnum):
    """The label that names a row in sparklines."""

    NAME = "name"
    """Of a miner, or of a connection whose sender names it: it outlives a session."""
    ID = "downstream_id"
    """Of a connection without a name: each session has a new one."""


Row: TypeAlias = tuple[RowLabel, str]

_SPECIAL = frozenset("\\.+*?()|[]{}^$")


class Span(StrEnum):
    """The time that a view shows."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def seconds(self) -> int:
        """From the first point to the last."""
        return _SECONDS[self][0]

    @property
    def step(self) -> int:
        """Seconds from point to point; the longest span has 721 points."""
        return _SECONDS[self][1]

    @property
    def window(self) -> str:
        """The time over which a point is an average: no shorter than the step."""
        return "1h" if self.step > _FIVE_MINUTES else "5m"

    @property
    def rare_window(self) -> str:
        """The same for what is rare: two or three rejected shares in 5 minutes are a comb."""
        return "5m" if self is Span.HOUR else "1h"

    def question(self, expression: str, now: float, step: int | None = None) -> Question:
        """`expression` at whole steps, so that everyone asks the same until the next step."""
        step = step or self.step
        end = int(now) // step * step
        return Question(expression=expression, start=end - self.seconds, end=end, step=step)


_FIVE_MINUTES = 300
_SECONDS = {
    Span.HOUR: (3600, 30),  # 30 s: as often as the rules record hashrate
    Span.DAY: (86400, _FIVE_MINUTES),
    Span.WEEK: (7 * 86400, 3600),
    Span.MONTH: (30 * 86400, 3600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a view shows: one miner or connection, or everything where `row` is None."""

    service: Service
    sources: tuple[Matcher, ...] = ()
    row: str | None = None
    """The name of a miner, or the `downstream_id` of a connection."""


def view(shown: Shown, span: Span) -> str:
    """The expression of all lines of one view."""
    if shown.row is None:
        lines = _totals(shown, span)
    elif shown.service is Service.PROXY:
        lines = _miner(shown, span)
    else:
        lines = _connection(shown, span)
    return "\nor\n".join(f'label_replace({of}, "{LINE}", "{line}", "", "")' for line, of in lines)


def sparklines(service: Service, sources: tuple[Matcher, ...], rows: Iterable[Row]) -> str:
    """The measured hashrate of several miners or connections, each row a series."""
    of = _miner_hashrate if service is Service.PROXY else _connection_hashrate
    wanted: dict[RowLabel, list[str]] = {}
    for label, value in rows:
        wanted.setdefault(label, []).append(value)
    return "\nor\n".join(
        of(label, (*sources, (label, "=~", _any_of(values)))) for label, values in wanted.items()
    )


def _miner_hashrate(label: RowLabel, matchers: tuple[Matcher, ...]) -> str:
    recorded = series_of(f"{_OF_NAMES}:avg1h", matchers)
    return _sum_by(("source", label), ("job", "source", label), recorded)


def _connection_hashrate(label: RowLabel, matchers: tuple[Matcher, ...]) -> str:
    """Without a recorded average of an hour, one of the sums: a name may have several sessions."""
    recorded = series_of(f"{_OF_CONNECTIONS}:avg5m", matchers)
    labels = ("job", "source", "downstream_id", "name")
    return f"avg_over_time({_sum_by(('source', label), labels, recorded)}[1h:5m])"


_OF_NAMES = "source_name:stratum_proxy_hashrate_hashes_per_second"
_OF_CONNECTIONS = "source_downstream:stratum_pool_connection_hashrate_hashes_per_second"

_Lines = Iterator[tuple[str, str]]
"""The chart and the line, as in `hashrate declared`, and the expression."""


def _totals(shown: Shown, span: Span) -> _Lines:
    is_proxy = shown.service is Service.PROXY
    prefix = "stratum_proxy" if is_proxy else "stratum_pool"
    shares = f"source:{prefix}_{'miner' if is_proxy else 'connection'}_shares"
    rows, state = ("miners", "state") if is_proxy else ("connections", "connection_type")

    def of(name: str) -> str:
        return series_of(name, shown.sources)

    def rate(name: str) -> str:
        return _averaged(of(name), span.window)

    hashrate = f"{prefix}_hashrate_hashes_per_second"
    yield "hashrate declared", _sum(_SOURCE, of(hashrate))
    yield "hashrate measured", _sum(_SOURCE, of(f"source:{hashrate}:avg{span.window}"))
    for line, name in _SHARES.items():
        yield f"shares_per_minute {line}", f"60 * {_sum(_SOURCE, rate(f'{shares}_{name}:rate5m'))}"
    recorded = of(f"source_reason:{prefix}_shares_rejected:rate5m")
    by_reason = _averaged(recorded, span.rare_window)
    reasons = _sum_by(("reason",), (*_SOURCE, "reason"), by_reason)
    yield "rejected_per_minute", f"60 * {reasons}"
    yield rows, _sum_by((state,), (*_SOURCE, state), of(f"{prefix}_{rows}"))


def _miner(shown: Shown, span: Span) -> _Lines:
    matchers = (*shown.sources, ("name", "=", shown.row or ""))

    def of(name: str) -> str:
        return series_of(name, matchers)

    yield "hashrate declared", _sum(_ROW, of("stratum_proxy_miner_hashrate_hashes_per_second"))
    yield "hashrate measured", _sum(_SOURCE, of(f"{_OF_NAMES}:avg{span.window}"))
    for line, name in _SHARES.items():
        recorded = of(f"source_name:stratum_proxy_miner_shares_{name}:rate5m")
        yield f"shares_per_minute {line}", f"60 * {_sum(_SOURCE, _averaged(recorded, span.window))}"
    yield (
        "rejected_per_minute",
        _reasons(of("stratum_proxy_miner_shares_rejected_by_reason_total"), span),
    )
    yield (
        "sessions connected",
        f"count(max by ({', '.join(_ROW)}) ({of('stratum_proxy_miner_info')}))",
    )


def _connection(shown: Shown, span: Span) -> _Lines:
    matchers = (*shown.sources, ("downstream_id", "=", shown.row or ""))
    family = "stratum_pool_connection"

    def of(name: str) -> str:
        return series_of(name, matchers)

    yield "hashrate declared", _sum(_ROW, of(f"{family}_hashrate_hashes_per_second"))
    yield "hashrate measured", _sum(_ROW, _averaged(of(f"{_OF_CONNECTIONS}:avg5m"), span.window))
    for line, name in _SHARES.items():
        counter = of(f"{family}_shares_{name}_total")
        yield f"shares_per_minute {line}", f"60 * {_sum(_ROW, f'rate({counter}[{span.window}])')}"
    yield "rejected_per_minute", _reasons(of(f"{family}_shares_rejected_by_reason_total"), span)
    yield "channels open", _sum(_ROW, of(f"{family}_channels"))


_SHARES = {"accepted": "submitted", "rejected": "rejected"}
_SOURCE = ("job", "source")
_ROW = ("job", "source", "downstream_id")


def _averaged(recorded: str, window: str) -> str:
    """A recorded average of 5 minutes, averaged again where the window is longer."""
    return recorded if window == "5m" else f"avg_over_time({recorded}[{window}])"


def _reasons(counter: str, span: Span) -> str:
    rate = f"rate({counter}[{span.rare_window}])"
    return f"60 * {_sum_by(('reason',), (*_ROW, 'reason'), rate)}"


def _sum(labels: Sequence[str], series: str) -> str:
    return f"sum(max by ({', '.join(labels)}) ({series}))"


def _sum_by(by: Sequence[str], labels: Sequence[str], series: str) -> str:
    return f"sum by ({', '.join(by)}) (max by ({', '.join(labels)}) ({series}))"


def _any_of(texts: Iterable[str]) -> str:
    """A regular expression that matches each of `texts` as it is written."""
    return "|".join(
        "".join(f"\\{one}" if one in _SPECIAL else one for one in text) for text in texts
    )
