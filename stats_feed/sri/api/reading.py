"""This module puts the pages of a monitoring API together to one reading, without doing any I/O.

`read` is a generator: it yields the path that it needs next and is sent the answer, until it
returns a `Reading`. A list whose pages come from two refreshes of the program's cache can repeat or
skip rows, so pages that do not fit together are read again.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from stats_feed.polling import Failure, ReadError, WrongSourceError
from stats_feed.sri.api.answers import (
    Channel,
    Client,
    Overview,
    Sv1Miner,
    channel_of,
    client_of,
    count_of,
    object_of,
    overview_of,
    sv1_miner_of,
)
from stats_feed.sri.api.metrics_text import (
    channels_by_client,
    hashpool_clients,
    hashpool_listen_address,
    is_hashpool_pool,
)

PAGE = 100
"""Rows asked for at once; the API gives no more."""

MAX_ROWS = 100_000
"""Rows of one list: more is no program that this project was made for, and takes too long."""

ATTEMPTS = 3
"""How often a list is read before its last pages are taken as they are, repeated rows once."""

BULK_ABOVE = 50
"""Clients of a pool from which on their channels are read from `/metrics`, in one request."""

OK, NOT_FOUND = 200, 404
PARTS = ("server", "sv1_clients", "sv2_clients")
NO_API = "this is no monitoring API of SRI or hashpool"


class Kind(Enum):
    """Which program answers; the value is its name for people."""

    TRANSLATOR = "translator"
    POOL = "pool"
    JD_CLIENT = "JD client"
    HASHPOOL_POOL = "hashpool pool"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that one program says, read once."""

    kind: Kind
    uptime: int | None
    network: str | None = None
    listen_address: str | None = None
    miners: tuple[Sv1Miner, ...] = ()
    channels: tuple[Channel, ...] = ()
    """Those towards the upstream."""
    clients: tuple[Client, ...] = ()
    is_bulk: bool = False
    """Whether the clients' channels come from `/metrics`."""


Row = TypeVar("Row", Sv1Miner, Client, Channel)
Reader = Generator[str, Answer, Reading]
Pages = Generator[str, Answer, list[Row]]


def read(bulk_above: float = BULK_ABOVE) -> Reader:
    """Read everything once. Raises ReadError, or WrongSourceError where this is no such API."""
    before = yield from _overview()
    reading = yield from _read_parts(before, bulk_above)
    after = yield from _overview()
    if before.uptime is not None and after.uptime is not None and after.uptime < before.uptime:
        raise ReadError(Failure.RESTARTED, "the program was restarted while it was read")
    return reading


def _overview() -> Generator[str, Answer, Overview]:
    answer = yield "/api/v1/global"
    if answer.status == NOT_FOUND:
        raise WrongSourceError(f"/api/v1/global is not found (404): {NO_API}")
    body = _body(answer)
    try:
        told = object_of(body)
    except ReadError as error:
        raise WrongSourceError(f"/api/v1/global: {error}: {NO_API}") from error
    if told.keys().isdisjoint(PARTS):
        raise WrongSourceError(f"/api/v1/global has none of {', '.join(PARTS)}: {NO_API}")
    return overview_of(told)


def _read_parts(overview: Overview, bulk_above: float) -> Reader:
    if overview.has_miners:
        miners = yield from _pages("/api/v1/sv1/clients", ("total",), ("items",), sv1_miner_of)
        channels = yield from _server_channels(overview)
        return Reading(
            kind=Kind.TRANSLATOR,
            uptime=overview.uptime,
            network=overview.network,
            miners=tuple(miners),
            channels=tuple(channels),
        )
    if overview.has_clients:
        rows = yield from _pages("/api/v1/clients", ("total",), ("items",), client_of)
        is_bulk = len(rows) > bulk_above
        clients = yield from (_bulk_channels(rows) if is_bulk else _client_channels(rows))
        return Reading(
            kind=Kind.JD_CLIENT if overview.has_server else Kind.POOL,
            uptime=overview.uptime,
            network=overview.network,
            clients=tuple(clients),
            is_bulk=is_bulk,
        )
    return (yield from _hashpool_pool(overview))


def _hashpool_pool(overview: Overview) -> Reader:
    text = yield from _metrics()
    if not is_hashpool_pool(text):
        raise ReadError(
            Failure.STATUS, "the program has nothing to tell yet: no miners, clients or upstream"
        )
    return Reading(
        kind=Kind.HASHPOOL_POOL,
        uptime=overview.uptime,
        network=overview.network,
        listen_address=hashpool_listen_address(text),
        clients=hashpool_clients(text),
    )


def _server_channels(overview: Overview) -> Pages[Channel]:
    if not overview.has_server:
        return []
    return (yield from _channel_pages("/api/v1/server/channels"))


def _channel_pages(path: str) -> Pages[Channel]:
    kinds = ("extended", "standard")
    totals, keys = (f"total_{kind}" for kind in kinds), (f"{kind}_channels" for kind in kinds)
    return (yield from _pages(path, tuple(totals), tuple(keys), channel_of))


def _client_channels(clients: list[Client]) -> Pages[Client]:
    found = []
    for client in clients:
        try:
            channels = yield from _channel_pages(f"/api/v1/clients/{client.client_id}/channels")
        except _GoneError:
            continue  # it left between the list and this request
        found.append(replace(client, channels=tuple(channels)))
    return found


def _bulk_channels(clients: list[Client]) -> Pages[Client]:
    channels = channels_by_client((yield from _metrics()))
    return [replace(client, channels=channels.get(client.client_id, ())) for client in clients]


def _metrics() -> Generator[str, Answer, str]:
    answer = yield "/metrics"
    text = _body(answer).decode("utf-8", "replace")
    if text and not text.endswith("\n"):
        raise ReadError(Failure.MALFORMED, "/metrics is cut off")
    return text


class _GoneError(ReadError):
    """What was asked for is not there: 404."""


def _pages(
    path: str,
    totals: tuple[str, ...],
    keys: tuple[str, ...],
    row_of: Callable[[Mapping[str, object]], Row | None],
) -> Pages[Row]:
    """Read a whole list: `totals` names the fields with its length, `keys` those with rows."""
    rows: list[Row] = []
    for _ in range(ATTEMPTS):
        rows, is_whole = yield from _attempt(path, totals, keys, row_of)
        if is_whole:
            break
    return list({_id(row): row for row in rows}.values())


def _attempt(
    path: str,
    totals: tuple[str, ...],
    keys: tuple[str, ...],
    row_of: Callable[[Mapping[str, object]], Row | None],
) -> Generator[str, Answer, tuple[list[Row], bool]]:
    """Read all pages once; the second value tells whether they fit together."""
    rows: list[Row] = []
    lengths: set[tuple[int, ...]] = set()
    offset, end = 0, 1
    while offset < end:
        answer = yield f"{path}?offset={offset}&limit={PAGE}"
        page = object_of(_body(answer))
        length = tuple(count_of(page.get(total)) or 0 for total in totals)
        if sum(length) > MAX_ROWS:
            raise ReadError(Failure.TOO_LARGE, f"{path} has {sum(length)} rows, over {MAX_ROWS}")
        lengths.add(length)
        for key in keys:
            rows += _rows(page.get(key), row_of)
        # The answer says how many rows it may have; each of two lists has that many.
        offset += count_of(page.get("limit"), PAGE) or PAGE
        end = max(length)
    is_whole = len(lengths) == 1 and len({_id(row) for row in rows}) == len(rows) == sum(length)
    return rows, is_whole


def _rows(items: object, row_of: Callable[[Mapping[str, object]], Row | None]) -> list[Row]:
    if not isinstance(items, list):
        return []
    found = [row_of(item) for item in items if isinstance(item, dict)]
    return [row for row in found if row is not None]


def _id(row: Sv1Miner | Client | Channel) -> int:
    return row.channel_id if isinstance(row, Channel) else row.client_id


def _body(answer: Answer) -> bytes:
    if answer.status == NOT_FOUND:
        raise _GoneError(Failure.STATUS, "an expected part of the API is not found (404)")
    if answer.status != OK:
        raise ReadError(Failure.STATUS, f"the API answers with status {answer.status}")
    return answer.body
