"""The rows of a source as columns, which is the form that the store keeps and exporters read.

Columns are what rendering needs, and they take a fraction of the memory of objects. All columns of
a source have the same length and the order of `downstream_id`. A value that is unknown is None,
never 0; a column of numbers that are all known is an array, and a column of which nothing is known
is an `Unknown`. Columns are never changed once built.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from math import fsum
from typing import Any, TypeVar

from stats_gateway.rows.rejects import RejectColumns
from stats_gateway.rows.share_sightings import NO_SIGHTINGS, ShareSightings
from stats_gateway.rows.unknown import Unknown


class ConnectionType(StrEnum):
    """What kind of downstream a pool's connection is; anything unknown is `OTHER`."""

    TRANSLATOR = "Translator"
    MINT = "Mint"
    JOB_DECLARATOR = "Job Declarator"
    MINER = "Miner"
    """A device that speaks Stratum V2 to the pool itself."""
    OTHER = "other"


class MinerState(StrEnum):
    """Whether a connected miner is mining."""

    ACTIVE = "active"
    IDLE = "idle"


IDLE_SECONDS = 600.0
"""A miner without hashrate is idle once it has sent no new share for this long."""

NO_CHANNELS = array("I")
"""Shared by all connections without channels."""

HASHING_TYPES = frozenset(
    {ConnectionType.TRANSLATOR, ConnectionType.JOB_DECLARATOR, ConnectionType.MINER}
)
"""The connections whose hashrate adds up to the pool's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What every kind of downstream has. Units as in `messages`."""

    downstream_id: Sequence[int]
    name: Sequence[str | None]
    address: Sequence[str | None]
    hashrate: Sequence[float | None]
    shares_submitted: Sequence[int | None]
    shares_rejected: Sequence[int | None]
    shares_rejected_by: RejectColumns
    work: Sequence[float | None]
    connected_at: Sequence[int | None]
    last_share_at: Sequence[float | None]
    """Unix seconds; sent, else when the share count was last seen to grow."""
    agent: Sequence[str | None]
    sightings: ShareSightings = field(default=NO_SIGHTINGS, repr=False)
    """Of the rows whose share count was sent, and whose last share was not."""

    def __len__(self) -> int:
        return len(self.downstream_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerRows(Rows):
    """A translator's miners."""

    name: Sequence[str]
    difficulty: Sequence[float | None]
    device_hashrate: Sequence[float | None]
    device_power: Sequence[float | None]
    device_temperature: Sequence[float | None]
    idle: frozenset[int]
    """The `downstream_id`s of miners without hashrate and without a new share for 10 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRows(Rows):
    """A pool's connections."""

    connection_type: Sequence[ConnectionType]
    channels: Sequence["array[int]"]
    quotes_created: Sequence[int | None]
    ehash_mined: Sequence[int | None]
    work_selection: Sequence[bool | None]

    def hashing(self) -> Iterator[float | None]:
        """The hashrates that add up to the pool's: those of connections that mine."""
        pairs = zip(self.connection_type, self.hashrate, strict=True)
        return (rate for connection_type, rate in pairs if connection_type in HASHING_TYPES)


def total_of(measurements: Iterable[float | None]) -> float | None:
    """The sum of hashrates or work; None when there are rows and not one of them is known.

    None, too, when no double can hold the sum.
    """
    values = measurements if isinstance(measurements, array) else list(measurements)
    known = values if isinstance(values, array) else [one for one in values if one is not None]
    try:
        return fsum(known) if known or not values else None
    except OverflowError:
        return None


R = TypeVar("R", bound=Rows)

_NOT_COLUMNS = frozenset({"sightings", "idle", "shares_rejected_by"})
"""The fields that are not one column."""


def take(rows: R, indexes: Sequence[int]) -> R:
    """The rows at `indexes`, in that order."""
    columns: dict[str, Any] = {  # a column's type is its field's
        field.name: _pick(getattr(rows, field.name), indexes)
        for field in fields(rows)
        if field.name not in _NOT_COLUMNS
    }
    rejects = {name: _pick(one, indexes) for name, one in rows.shares_rejected_by.items()}
    return replace(rows, **columns, shares_rejected_by=rejects)


def _pick(column: Sequence[Any], indexes: Sequence[int]) -> Sequence[Any]:
    if isinstance(column, Unknown):
        return Unknown(len(indexes))
    picked = [column[index] for index in indexes]
    return array(column.typecode, picked) if isinstance(column, array) else picked
