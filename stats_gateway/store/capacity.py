"""The bounds on what all sources keep together, and on how many sources there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_TOTAL_CHANNELS, Limits
from stats_gateway.store.parts import (
    ConnectionsPart,
    Content,
    JobDeclaratorPart,
    MinersPart,
    WindowPart,
)
from stats_gateway.store.sources import Source


@dataclass(frozen=True, slots=True)
class Held:
    """How much is kept: rows, with each service counted as a row, and channels."""

    rows: int = 0
    channels: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(self.rows + other.rows, self.channels + other.channels)

    def __sub__(self, other: "Held") -> "Held":
        return Held(self.rows - other.rows, self.channels - other.channels)


def held_by(source: Source | None) -> Held:
    """How much the parts of `source` keep; nothing where there is no such source."""
    parts = () if source is None else source.parts.values()
    return sum((_held(part.content) for part in parts), Held())


def check_total(before: Held, after: Held, limits: Limits) -> None:
    """Raise `MessageRefused` where a message grows what is kept of all sources past a bound."""
    if after.rows > max(before.rows, limits.max_total_rows):
        detail = (
            f"{after.rows} rows and services of all sources, "
            f"and max_total_rows is {limits.max_total_rows}"
        )
        raise MessageRefused(Reason.TOO_MANY_ROWS, detail)
    if after.channels > max(before.channels, MAX_TOTAL_CHANNELS):
        detail = f"{after.channels} channels of all sources, and {MAX_TOTAL_CHANNELS} are allowed"
        raise MessageRefused(Reason.TOO_MANY_ROWS, detail)


def source_to_forget(network: str, sources: Mapping[str, Source], limits: Limits) -> str | None:
    """The source that is forgotten before a peer of `network` names a new one; None for none.

    It is the one that is down the longest, of that network or of one that has named more: so nobody
    pushes out the source of somebody else that is down and visible for its alert. Raises
    `MessageRefused` where there is none.
    """
    named = Counter(source.named_by for source in sources.values())
    own = [source for source in sources.values() if source.named_by == network]
    if len(own) >= limits.max_sources_per_address:
        return _longest_down(own, f"max_sources_per_address allows {network} no more")
    if len(sources) < limits.max_sources:
        return None
    most = max(named.values())
    greedy = own if most <= len(own) + 1 else _of_networks(named, most, sources)
    return _longest_down(greedy, f"{len(sources)} are known, and max_sources allows no more")


def _of_networks(named: Counter[str], count: int, sources: Mapping[str, Source]) -> list[Source]:
    return [source for source in sources.values() if named[source.named_by] == count]


def _longest_down(sources: list[Source], why: str) -> str:
    down = {one.name: one.down_since for one in sources if one.down_since is not None}
    if not down:
        raise MessageRefused(Reason.TOO_MANY_SOURCES, f"no source can be forgotten, and {why}")
    return min(down, key=down.__getitem__)


def _held(content: Content) -> Held:
    match content:
        case MinersPart():
            return Held(len(content.rows))
        case ConnectionsPart():
            channels = sum(map(len, content.rows.channels))
            return Held(len(content.rows) + len(content.services), channels)
        case WindowPart():
            return Held(len(content.windows))
        case JobDeclaratorPart():
            return Held(1)
        case _:
            return Held()
