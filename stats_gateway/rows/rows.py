"""A source's rows, as columns: what a snapshot becomes once it is believed.

Columns of equal length, sorted by `downstream_id`, are what rendering needs and a fraction of the
memory of objects. A value that is unknown is None, never 0; a column of numbers that are all known
is an array. Columns are never changed once built.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from math import fsum
from typing import Any, TypeVar


class ConnectionType(StrEnum):
    """What kind of downstream a pool's connection is; anything unknown is `OTHER`."""

    TRANSLATOR = "Translator"
    MINT = "Mint"
    JOB_DECLARATOR = "Job Declarator"
    OTHER = "other"


class MinerState(StrEnum):
    """Whether a connected miner is mining."""

    ACTIVE = "active"
    IDLE = "idle"


HASHING_TYPES = frozenset({ConnectionType.TRANSLATOR, ConnectionType.JOB_DECLARATOR})
"""The connections whose hashrate adds up to the pool's."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What this service has itself seen of a row whose sender does not say when it last shared."""

    shares: int
    connected_at: int | None
    quiet_since: float
    """Monotonic: when the share count was last seen to grow, else when the row was first seen."""
    grew_at: float | None
    """Unix: when the share count was last seen to grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What every kind of downstream has. Units as in `messages`."""

    downstream_id: Sequence[int]
    name: Sequence[str | None]
    address: Sequence[str | None]
    hashrate: Sequence[float | None]
    shares_submitted: Sequence[int]
    shares_rejected: Sequence[int | None]
    work: Sequence[float | None]
    connected_at: Sequence[int | None]
    last_share_at: Sequence[float | None]
    """Unix seconds; sent, else when the share count was last seen to grow."""
    watches: Mapping[int, Watch] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.downstream_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerRows(Rows):
    """A translator's miners."""

    name: Sequence[str]
    idle: frozenset[int]
    """The `downstream_id`s of miners without hashrate and without a new share for 10 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRows(Rows):
    """A pool's connections."""

    connection_type: Sequence[ConnectionType]
    channels: Sequence[Sequence[int]]
    quotes_created: Sequence[int | None]
    ehash_mined: Sequence[int | None]
    work_selection: Sequence[bool | None]

    def hashing(self) -> Iterator[float | None]:
        """The hashrates that add up to the pool's: those of connections that mine."""
        pairs = zip(self.connection_type, self.hashrate, strict=True)
        return (rate for connection_type, rate in pairs if connection_type in HASHING_TYPES)


def total_hashrate(hashrates: Iterable[float | None]) -> float | None:
    """The sum in hashes per second; None when there are rows and not one of them is known.

    None, too, when no double can hold the sum.
    """
    values = hashrates if isinstance(hashrates, array) else list(hashrates)
    known = values if isinstance(values, array) else [one for one in values if one is not None]
    try:
        return fsum(known) if known or not values else None
    except OverflowError:
        return None


R = TypeVar("R", bound=Rows)

_NOT_COLUMNS = frozenset({"watches", "idle"})
"""The fields of rows that are not one value a row."""


def take(rows: R, indexes: Sequence[int]) -> R:
    """The rows at `indexes`, in that order."""
    columns: dict[str, Any] = {  # a column's type is its field's
        field.name: _pick(getattr(rows, field.name), indexes)
        for field in fields(rows)
        if field.name not in _NOT_COLUMNS
    }
    return replace(rows, **columns)


def _pick(column: Sequence[Any], indexes: Sequence[int]) -> Sequence[Any]:
    picked = [column[index] for index in indexes]
    return array(column.typecode, picked) if isinstance(column, array) else picked
