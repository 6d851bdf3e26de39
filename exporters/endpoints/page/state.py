"""Names the state of the service: whether the page shows all sources, and how things are now."""

from collections.abc import Sequence
from enum import StrEnum

from stats_gateway.store.sources import Source, View
from stats_gateway.wire.services import Service

DOWNSTREAMS = {Service.PROXY: "miners", Service.POOL: "connections"}


class State(StrEnum):
    """The state of the whole service. Three states show no rows, and mean different things."""

    NEVER = "never"
    """No source is known: since this service started, or for 24 hours, nobody sent anything."""
    DOWN = "down"
    """Sources are known, and none is fresh."""
    PARTLY = "partly"
    """Some sources are fresh, others are down."""
    EMPTY = "empty"
    """Every source is fresh, and says that nobody is connected."""
    FRESH = "fresh"


def state_of(view: View) -> State:
    """The state that `view` shows."""
    fresh = view.fresh()
    if not view.sources:
        return State.NEVER
    if not fresh:
        return State.DOWN
    if len(fresh) < len(view.sources):
        return State.PARTLY
    return State.EMPTY if row_count(fresh) == 0 else State.FRESH


def row_count(fresh: Sequence[Source]) -> int | None:
    """The number of rows of all sources whose rows are known; None where no rows are known."""
    counts = [len(source.rows) for source in fresh if source.rows is not None]
    return sum(counts) if counts else None


def without_upstream(fresh: Sequence[Source]) -> list[str]:
    """The sources that say they have lost the pool they mine at."""
    return [
        source.name
        for source in fresh
        if source.upstream is not None and source.upstream.connected is False
    ]


def moment(view: View) -> str:
    """A name for the fresh parts of `view`: two views with the same name show the same rows."""
    parts = [
        (source.name, kind.value, part.received.monotonic)
        for source in view.fresh()
        for kind, part in source.parts.items()
    ]
    return f"{hash(tuple(parts)):x}"
