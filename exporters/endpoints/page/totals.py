"""The totals over all fresh sources, as labelled figures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from exporters.endpoints.page.markup import Markup, element
from exporters.endpoints.page.state import row_count
from exporters.endpoints.page.units import UNKNOWN, count_text, hashrate_text
from stats_gateway.rows.rows import ConnectionType, total_hashrate
from stats_gateway.store.sources import Source
from stats_gateway.wire.services import Service

MOST_SERVICES = 20
"""Shown one by one, of a source and of all; a pool runs three."""


def totals(fresh: Sequence[Source], service: Service) -> Markup:
    """Everything that adds up; unknown while there is no fresh source."""
    figures = _miners(fresh) if service is Service.PROXY else _connections(fresh)
    return element("dl", *figures, class_="totals")


def _figure(label: str, value: str, *details: str) -> Markup:
    parts = [element("dt", label), element("dd", value, class_="value")]
    parts += [element("dd", detail) for detail in details]
    return element("div", *parts)


def _miners(fresh: Sequence[Source]) -> Iterator[Markup]:
    rows = [source.miners for source in fresh if source.miners is not None]
    count = row_count(fresh)
    idle = sum(len(miners.idle) for miners in rows)
    split = (
        () if count is None else (f"{count_text(count - idle)} active, {count_text(idle)} idle",)
    )
    yield _figure("Miners", count_text(count), *split)
    rates = [rate for miners in rows for rate in miners.hashrate]
    yield _figure("Hashrate", hashrate_text(total_hashrate(rates) if rows else None))
    yield _figure("Shares accepted", _sum(sum(one.shares_submitted) for one in rows))
    yield from _wallets(fresh)


def _wallets(fresh: Sequence[Source]) -> Iterator[Markup]:
    wallets = [source.wallet for source in fresh if source.wallet is not None]
    if not wallets:
        return
    quotes = _sum(wallet.quotes_created for wallet in wallets)
    amount = _sum(wallet.quotes_amount for wallet in wallets)
    details = () if quotes == UNKNOWN else (f"Quotes: {quotes}, for {amount} ehash",)
    balance = _sum(wallet.balance for wallet in wallets)
    yield _figure("Wallet", balance if balance == UNKNOWN else f"{balance} ehash", *details)


def _connections(fresh: Sequence[Source]) -> Iterator[Markup]:
    rows = [source.connections for source in fresh if source.connections is not None]
    types = Counter(one for connections in rows for one in connections.connection_type)
    by_type = [
        f"{one}: {count_text(types[one])}"
        for one in ConnectionType
        if rows and (one is not ConnectionType.OTHER or types[one])
    ]
    yield _figure("Connections", count_text(row_count(fresh)), *by_type)
    rates = [rate for connections in rows for rate in connections.hashing()]
    yield _figure("Hashrate", hashrate_text(total_hashrate(rates) if rows else None))
    yield _figure("Shares accepted", _sum(sum(one.shares_submitted) for one in rows))
    services = [service for source in fresh for service in source.services]
    listed = [f"{one.service_type} at {one.address}" for one in services[:MOST_SERVICES]]
    yield _figure("Services", count_text(len(services) or None), *listed)


def _sum(values: Iterable[int | None]) -> str:
    known = [value for value in values if value is not None]
    return count_text(sum(known) if known else None)
