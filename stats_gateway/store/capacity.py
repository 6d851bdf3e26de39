"""Whether there is room for one more source, or for more rows, and whose room that is."""

from collections.abc import Mapping

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_ROWS, Limits
from stats_gateway.store.sources import (
    ConnectionsPart,
    Content,
    MinersPart,
    PartKind,
    Source,
    WindowPart,
)


def source_to_forget(
    address: str, sources: Mapping[str, Source], named_by: Mapping[str, str], limits: Limits
) -> str | None:
    """The source that must go before a peer at `address` may name a new one; None for none.

    It is the one that is down the longest: of those the same address named where that has named too
    many, else of all. Raises `MessageRefused` where none of them is down.
    """
    own = [source for name, source in sources.items() if named_by.get(name) == address]
    if len(own) >= limits.max_sources_per_address:
        return _longest_down(own, f"max_sources_per_address allows {address} no more")
    if len(sources) >= limits.max_sources:
        return _longest_down(list(sources.values()), "max_sources allows no more")
    return None


def check_rows(
    content: Content, place: str, kind: PartKind, sources: Mapping[str, Source], limits: Limits
) -> None:
    """Raises `MessageRefused` where `content` in `place` would be more than can be held."""
    if isinstance(content, ConnectionsPart):
        channels = sum(map(len, content.rows.channels))
        if channels > MAX_ROWS:
            raise MessageRefused(Reason.TOO_MANY_ROWS, f"{channels} channels in one snapshot")
    known = sources.get(place)
    before = 0 if known is None or kind not in known.parts else _rows(known.parts[kind].content)
    more = _rows(content) - before
    if more <= 0:
        return
    total = sum(
        _rows(part.content) for source in sources.values() for part in source.parts.values()
    )
    if total + more > limits.max_total_rows:
        detail = (
            f"{total + more} rows of all sources, and max_total_rows is {limits.max_total_rows}"
        )
        raise MessageRefused(Reason.TOO_MANY_ROWS, detail)


def _longest_down(sources: list[Source], why: str) -> str:
    down = {one.name: one.down_since for one in sources if one.down_since is not None}
    if not down:
        detail = f"{len(sources)} sources are up, and {why}"
        raise MessageRefused(Reason.TOO_MANY_SOURCES, detail)
    return min(down, key=down.__getitem__)


def _rows(content: Content) -> int:
    match content:
        case MinersPart() | ConnectionsPart():
            return len(content.rows)
        case WindowPart():
            return len(content.windows)
        case _:
            return 0
