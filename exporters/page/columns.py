"""The columns of the table of rows, which `page.js` fills from the API."""

from dataclasses import dataclass

from exporters.page.markup import Markup, element, join
from stats_gateway.wire.services import Service


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the field of the API's rows that it shows, and how."""

    label: str
    field: str
    kind: str = "text"
    """One of the kinds that `page.js` knows."""


_SHARES = (
    Column("Hashrate", "hashrate", "hashrate"),
    Column("Shares", "shares_submitted", "count"),
    Column("Rejected", "shares_rejected", "rejected"),
)
_TIMES = (
    Column("Connected", "connected_at", "since"),
    Column("Last share", "last_share_at", "ago"),
    Column("Address", "address"),
    Column("ID", "downstream_id", "id"),
)
COLUMNS = {
    Service.PROXY: (
        Column("Name", "name"),
        Column("Source", "source"),
        Column("State", "state", "state"),
        *_SHARES,
        *_TIMES,
    ),
    Service.POOL: (
        Column("Type", "connection_type"),
        Column("Name", "name"),
        Column("Source", "source"),
        *_SHARES,
        Column("Channels", "channels", "length"),
        Column("Quotes", "quotes_created", "count"),
        Column("Ehash", "ehash_mined", "count"),
        *_TIMES,
    ),
}


def headings(service: Service) -> Markup:
    """The cells of the head; a click on one sorts by it."""
    return join(map(_heading, COLUMNS[service]))


def _heading(column: Column) -> Markup:
    return element(
        "th",
        element("button", column.label, type="button"),
        scope="col",
        data_field=column.field,
        data_kind=column.kind,
    )
