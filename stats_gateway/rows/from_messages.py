"""Turns the rows of a snapshot into columns: sorted, without values that cannot be.

The work goes column by column, since that is what makes 100,000 rows a matter of milliseconds: each
step first asks, in a call or two for all rows, whether there is anything to mend.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress, count, islice
from math import inf
from operator import lt, not_
from typing import Any, Protocol, TypeVar

from msgspec.structs import astuple

from stats_gateway.clock import Now
from stats_gateway.errors import Dropped, DroppedValue, MessageRefused, Reason
from stats_gateway.limits import MAX_NAME_BYTES, MAX_SNAPSHOT_CHANNELS, MAX_TEXT_BYTES
from stats_gateway.rows.builders import (
    U32,
    U64,
    EachBuilder,
    MeasurementBuilder,
    NumberBuilder,
    TextBuilder,
)
from stats_gateway.rows.rejects import RejectsBuilder, known_sum
from stats_gateway.rows.rows import (
    IDLE_SECONDS,
    NO_CHANNELS,
    ConnectionRows,
    ConnectionType,
    MinerRows,
    Rows,
    take,
)
from stats_gateway.rows.share_sightings import NO_SIGHTINGS, see_shares
from stats_gateway.rows.text import REDACTED, clean, is_clean, known_address
from stats_gateway.rows.unknown import Unknown
from stats_gateway.wire.messages import ConnectionInfo, DeviceInfo, MinerInfo, check_u64

R = TypeVar("R", bound=Rows)
T = TypeVar("T")
_CONNECTION_TYPES = {kind.value: kind for kind in ConnectionType}


def miner_rows(
    batches: Iterable[Sequence[MinerInfo]],
    timestamp: int,
    previous: MinerRows | None,
    now: Now,
    dropped: Dropped,
) -> MinerRows:
    """The columns of a translator's snapshot.

    `timestamp` is the sender's clock, `previous` are the rows that the snapshot replaces; values
    that cannot be are counted in `dropped`. Raises `MessageRefused` where two rows have the same
    `downstream_id`, or a number is too large.
    """
    columns = _columns(batches, _miner_builders(previous, dropped))
    rows = _sorted(MinerRows(**columns, idle=frozenset()), previous)
    rows = _fill_unknown(rows, previous, now)
    return replace(rows, idle=_idle(rows, timestamp, now))


def connection_rows(
    batches: Iterable[Sequence[ConnectionInfo]],
    previous: ConnectionRows | None,
    now: Now,
    dropped: Dropped,
) -> ConnectionRows:
    """The columns of a pool's snapshot; arguments and errors as in `miner_rows`."""
    columns = _columns(_few_channels(batches), _connection_builders(previous, dropped))
    rows = _sorted(ConnectionRows(**columns), previous)
    check_u64(rows.quotes_created)
    check_u64(rows.ehash_mined)
    return _fill_unknown(rows, previous, now)


def _few_channels(
    batches: Iterable[Sequence[ConnectionInfo]],
) -> Iterator[Sequence[ConnectionInfo]]:
    """The `batches`. Raises `MessageRefused` where their rows list too many channels together."""
    channels = 0
    for batch in batches:
        channels += sum(len(row.channels) for row in batch)
        if channels > MAX_SNAPSHOT_CHANNELS:
            detail = f"more than {MAX_SNAPSHOT_CHANNELS} channels in one snapshot"
            raise MessageRefused(Reason.TOO_MANY_ROWS, detail)
        yield batch


Values = dict[str, Any]  # Any: the type of a column is that of its field in the rows
"""Columns by their names."""


class _Builder(Protocol):
    """What builds one column, one batch of rows after the other."""

    def add(self, values: list[Any], /) -> None: ...  # Any: as above

    @property
    def column(self) -> object: ...


def _columns(
    batches: Iterable[Sequence[MinerInfo | ConnectionInfo]], builders: Mapping[str, _Builder]
) -> Values:
    """The columns of all batches: one from each of `builders`."""
    for batch in filter(None, batches):
        values = _values(batch)
        for name, builder in builders.items():
            builder.add(values[name])
    return {name: builder.column for name, builder in builders.items()}


def _values(batch: Sequence[MinerInfo | ConnectionInfo]) -> Values:
    """The columns of one batch, by the names that they have in the rows."""
    columns = map(list, zip(*map(astuple, batch), strict=True))
    values = dict(zip(batch[0].__struct_fields__, columns, strict=True))
    rejected, rejected_by = values["shares_rejected"], values["shares_rejected_by"]
    if None in rejected and not _all_unknown(rejected_by):
        values["shares_rejected"] = list(map(known_sum, rejected_by, rejected))
    if "device" in values:
        values |= _device_values(values["device"])
    return values


def _device_values(devices: list[DeviceInfo | None]) -> Values:
    if _all_unknown(devices):
        return dict.fromkeys(_DEVICE_COLUMNS, devices)
    told = [_NO_DEVICE if device is None else device for device in devices]
    return {
        "device_hashrate": [device.hashrate for device in told],
        "device_power": [device.power for device in told],
        "device_temperature": [device.temperature for device in told],
    }


def _all_unknown(values: Sequence[object]) -> bool:
    return values.count(None) == len(values)


_NO_DEVICE = DeviceInfo()
_DEVICE_COLUMNS = ("device_hashrate", "device_power", "device_temperature")


def _common_builders(previous: Rows | None, dropped: Dropped) -> dict[str, _Builder]:
    """The builders of the columns that both kinds of row have."""
    addresses = () if previous is None else previous.address
    agents = () if previous is None else previous.agent
    return {
        "downstream_id": NumberBuilder[int](U32),
        "address": TextBuilder[str | None](addresses, _addresses),
        "hashrate": MeasurementBuilder(dropped),
        "shares_submitted": NumberBuilder[int](U64),
        "shares_rejected": NumberBuilder[int](U64),
        "shares_rejected_by": RejectsBuilder(),
        "work": MeasurementBuilder(dropped),
        "connected_at": NumberBuilder[int](U64),
        "last_share_at": NumberBuilder[int](U64),
        "agent": TextBuilder[str | None](agents, partial(_agents, once={})),
    }


def _miner_builders(previous: MinerRows | None, dropped: Dropped) -> dict[str, _Builder]:
    names = () if previous is None else previous.name
    return _common_builders(previous, dropped) | {
        "name": TextBuilder[str](names, partial(_names, dropped=dropped)),
        "difficulty": MeasurementBuilder(dropped),
        "device_hashrate": MeasurementBuilder(dropped),
        "device_power": MeasurementBuilder(dropped),
        "device_temperature": MeasurementBuilder(dropped, lowest=-inf),
    }


def _connection_builders(previous: ConnectionRows | None, dropped: Dropped) -> dict[str, _Builder]:
    def name(sent: str | None) -> str | None:
        return None if sent is None else _name(sent, dropped)

    return _common_builders(previous, dropped) | {
        "name": EachBuilder(name),
        "connection_type": EachBuilder(_connection_type),
        "channels": EachBuilder(_channels),
        "quotes_created": NumberBuilder[int](U64),
        "ehash_mined": NumberBuilder[int](U64),
        "work_selection": EachBuilder(_as_sent),
    }


def _connection_type(sent: str) -> ConnectionType:
    return _CONNECTION_TYPES.get(sent, ConnectionType.OTHER)


def _channels(sent: list[int]) -> Sequence[int]:
    return array(U32, sent) if sent else NO_CHANNELS


def _as_sent(sent: bool | None) -> bool | None:  # noqa: FBT001 - a value of the wire
    return sent


def _sorted(rows: R, previous: R | None) -> R:
    """`rows` in ascending order of `downstream_id`. Raises `MessageRefused` for an id twice."""
    ids = rows.downstream_id
    if previous is not None and ids == previous.downstream_id:
        return rows
    if all(map(lt, ids, islice(ids, 1, None))):
        return rows
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_, times in Counter(ids).items() if times > 1)
        raise MessageRefused(Reason.DUPLICATE_DOWNSTREAM, f"two rows have downstream_id {twice}")
    return take(rows, sorted(range(len(ids)), key=ids.__getitem__))


def _fill_unknown(rows: R, previous: R | None, now: Now) -> R:
    """`rows` with what was seen of the shares and sessions of rows that tell no last share.

    Raises `MessageRefused` for counts of more than 64 bits.
    """
    for counts in (rows.shares_submitted, rows.shares_rejected, *rows.shares_rejected_by.values()):
        if not isinstance(counts, array | Unknown):
            check_u64(counts)
    places = _unseen(rows)
    if len(places) == 0:
        return rows
    unsent = rows if len(places) == len(rows) else take(rows, places)
    sightings = see_shares(
        unsent.downstream_id,
        unsent.shares_submitted,  # type: ignore[arg-type]  # the count is known in these rows
        unsent.connected_at,
        NO_SIGHTINGS if previous is None else previous.sightings,
        now,
    )
    return replace(
        rows,
        sightings=sightings,
        last_share_at=_put(rows.last_share_at, places, sightings.grew_at),
        connected_at=_put(rows.connected_at, places, sightings.connected_at),
    )


def _unseen(rows: Rows) -> Sequence[int]:
    """The places of the rows whose count of shares is known, and whose last share is not."""
    sent, shares = rows.last_share_at, rows.shares_submitted
    if isinstance(sent, array) or isinstance(shares, Unknown):
        return ()
    if isinstance(sent, Unknown) and isinstance(shares, array):
        return range(len(rows))
    pairs = zip(sent, shares, strict=True)
    return [place for place, (at, known) in enumerate(pairs) if at is None and known is not None]


def _put(column: Sequence[T], places: Sequence[int], values: Sequence[T]) -> Sequence[T]:
    """`column` with `values` at `places`."""
    if len(places) == len(column):
        return values
    changed = list(column)
    for place, value in zip(places, values, strict=True):
        changed[place] = value
    return changed


def _names(names: Sequence[str], dropped: Dropped) -> Sequence[str]:
    if is_clean(names, MAX_NAME_BYTES):
        return names
    return [_name(name, dropped) for name in names]


def _name(name: str, dropped: Dropped) -> str:
    cleaned = clean(name, MAX_NAME_BYTES)
    dropped[DroppedValue.NAME_CUT] += len(cleaned) < len(name)
    return cleaned


def _addresses(addresses: Sequence[str | None]) -> Sequence[str | None]:
    known = [address for address in addresses if address is not None]
    if REDACTED not in known and "" not in known and is_clean(known, MAX_TEXT_BYTES):
        return addresses
    return [
        None if known_address(address) is None else clean(address or "", MAX_TEXT_BYTES)
        for address in addresses
    ]


def _agents(
    agents: Sequence[str | None], once: dict[str | None, str | None]
) -> Sequence[str | None]:
    """The texts, each kept `once` however many miners say it: they say a handful in all."""
    known = [agent for agent in agents if agent is not None]
    if "" in known or not is_clean(known, MAX_NAME_BYTES):
        agents = [clean(agent, MAX_NAME_BYTES) if agent else None for agent in agents]
    return list(map(once.setdefault, agents, agents))


def _idle(rows: MinerRows, timestamp: int, now: Now) -> frozenset[int]:
    nothing_is_known = isinstance(rows.hashrate, Unknown) and isinstance(
        rows.last_share_at, Unknown
    )
    if nothing_is_known or all(rows.hashrate):
        return frozenset()
    return frozenset(
        rows.downstream_id[place]
        for place in compress(count(), map(not_, rows.hashrate))
        if _quiet_seconds(rows, place, timestamp, now) >= IDLE_SECONDS
    )


def _quiet_seconds(rows: MinerRows, place: int, timestamp: int, now: Now) -> float:
    """Seconds since the row's last share, each measured on one clock: the sender's, or ours.

    Where nothing is known of its shares, the hashrate alone tells: 0 is idle, unknown is not.
    """
    quiet_since = rows.sightings.quiet_since_of(rows.downstream_id[place])
    if quiet_since is None:
        last_share_at = rows.last_share_at[place]
        if last_share_at is None:
            return -inf if rows.hashrate[place] is None else inf
        return timestamp - last_share_at
    seen = now.monotonic - quiet_since
    connected_at = rows.connected_at[place]
    if rows.shares_submitted[place] == 0 and connected_at is not None:
        return max(seen, timestamp - connected_at)
    return seen
