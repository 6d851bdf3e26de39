"""Lists the columns of the tables of rows, and writes the cells of such a table as HTML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from exporters.endpoints.lists import Json
from exporters.endpoints.page.text.markup import Markup, element, join
from exporters.endpoints.page.text.units import (
    UNKNOWN,
    count_text,
    duration_text,
    hashrate_text,
    share_text,
)
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of rows, which shows a field of the API's rows."""

    label: str
    field: str
    kind: str = "text"
    """How the field is shown: one of the kinds that `rows.js` and `_TEXTS` know."""
    rare: bool = False
    """Whether the column is hidden while its field is unknown in every row."""


_SPARKLINE = Column("24 h", "sparkline", "sparkline", rare=True)
_SHARES = (
    Column("Hashrate", "hashrate", "hashrate"),
    _SPARKLINE,
    Column("Shares", "shares_submitted", "count"),
    Column("Rejected", "shares_rejected", "rejected"),
)
_ENDS = (
    Column("Connected", "connected_at", "since"),
    Column("Last share", "last_share_at", "since"),
    Column("Source", "source"),
    Column("Address", "address"),
    Column("Agent", "agent", rare=True),
    # Last, where a narrow window has no room.
    Column("ID", "downstream_id", "id"),
)
COLUMNS: Mapping[Service, Sequence[Column]] = {
    Service.PROXY: (
        Column("Name", "name"),
        Column("State", "state", "state"),
        *_SHARES,
        Column("Difficulty", "difficulty", "count", rare=True),
        *_ENDS,
    ),
    Service.POOL: (
        Column("Type", "connection_type"),
        Column("Name", "name"),
        *_SHARES,
        Column("Channels", "channels", "length"),
        Column("Quotes", "quotes_created", "count", rare=True),
        Column("Ehash", "ehash_mined", "count", rare=True),
        *_ENDS,
    ),
}


def headings(service: Service) -> Markup:
    """The cells of the head; a click on one sorts by it."""
    return join(map(_heading, COLUMNS[service]))


def rows_as_html(
    service: Service, rows: Sequence[Json], now: Now, root: str | None = None
) -> tuple[list[Markup], list[Markup]]:
    """The headings and the rows of a table without JavaScript.

    Each row's name leads to its own page below `root`; without `root` this is that page already.
    """
    columns = [
        one
        for one in COLUMNS[service]
        if (not one.rare or _any_known(one, rows)) and (root is not None or one.field != "name")
    ]
    heads = [element("th", one.label, scope="col", data_kind=one.kind) for one in columns]
    return heads, [element("tr", *_cells(columns, service, row, now, root)) for row in rows]


def path_of(service: Service, row: Json) -> str | None:
    """The path of the page of a row, as in `miner/rig-1`; None where no path can name the row."""
    if service is Service.POOL:
        return f"connection/{row['downstream_id']}?source={quote(str(row['source']), safe='')}"
    name = str(row["name"] or "")
    # Browsers take a path that ends in a dot or in two as another path.
    return None if name in ("", ".", "..") else f"miner/{quote(name, safe='')}"


def _heading(column: Column) -> Markup:
    sorts = column.kind != "sparkline"
    return element(
        "th",
        element("button", column.label, type="button") if sorts else column.label,
        scope="col",
        data_field=column.field,
        data_kind=column.kind,
        data_rare="" if column.rare else None,
    )


def _cells(
    columns: Sequence[Column], service: Service, row: Json, now: Now, root: str | None
) -> Iterator[Markup]:
    path = None if root is None else path_of(service, row)
    for number, column in enumerate(columns):
        text = _TEXTS[column.kind](row.get(column.field), row, now)
        content: str = text
        if column.kind == "state":
            content = element("span", text, class_=f"badge {text}")
        elif number == 0 and path is not None:
            content = element("a", text, href=f"{root}{path}")
        yield element("td", content, data_kind=column.kind)


def _any_known(column: Column, rows: Sequence[Json]) -> bool:
    return any(row.get(column.field) is not None for row in rows)


def _since(value: object, now: Now) -> str:
    return duration_text(now.unix - value) if isinstance(value, int | float) else UNKNOWN


def _rejected(value: object, row: Json, _now: Now) -> str:
    accepted = row["shares_submitted"]
    if not isinstance(value, int) or not isinstance(accepted, int) or not value + accepted:
        return UNKNOWN
    return share_text(value / (value + accepted))


def _text(value: object, _row: Json, _now: Now) -> str:
    return UNKNOWN if value is None else str(value)


def _number(text: Callable[[float], str]) -> Callable[[object, Json, Now], str]:
    return lambda value, _row, _now: text(value) if isinstance(value, int | float) else UNKNOWN


_TEXTS: Mapping[str, Callable[[object, Json, Now], str]] = {
    "text": _text,
    "state": _text,
    "id": _text,
    "count": _number(lambda value: count_text(round(value))),
    "length": lambda value, _row, _now: (
        count_text(len(value)) if isinstance(value, list) else UNKNOWN
    ),
    "hashrate": _number(hashrate_text),
    "rejected": _rejected,
    "since": lambda value, _row, now: _since(value, now),
}
"""What is shown of a field, by the kind of its column."""
