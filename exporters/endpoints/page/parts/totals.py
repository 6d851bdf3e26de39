"""Writes the totals over all fresh sources as labelled figures."""

from collections.abc import Iterable, Iterator, Sequence

from exporters.endpoints.page.text.markup import Markup, element
from exporters.endpoints.page.text.units import UNKNOWN, count_text, hashrate_text
from exporters.endpoints.summaries import Totals
from stats_gateway.rows.rows import ConnectionType
from stats_gateway.store.sources import Source
from stats_gateway.wire.services import Service

MOST_SERVICES = 20
"""Services that are listed one by one, of one source and of all; a pool runs three."""


def totals(fresh: Sequence[Source], service: Service, total: Totals) -> Markup:
    """Everything that adds up; unknown while there is no fresh source."""
    is_proxy = service is Service.PROXY
    figures = [
        _miners(total) if is_proxy else _connections(total),
        figure("Hashrate", hashrate_text(total.hashrate)),
        figure("Shares accepted", count_text(total.shares_submitted), *rejected_texts(total)),
        *(_wallets(fresh) if is_proxy else _services(fresh)),
    ]
    return element("dl", *figures, class_="totals")


def figure(label: str, value: str, *details: str) -> Markup:
    parts = [element("dt", label), element("dd", value, class_="value")]
    parts += [element("dd", detail) for detail in details]
    return element("div", *parts)


def rejected_texts(total: Totals) -> Iterator[str]:
    if total.shares_rejected is not None:
        yield f"Rejected: {count_text(total.shares_rejected)}"
    # A reason that no share was rejected for is only in the way.
    for reason, count in (total.shares_rejected_by or {}).items():
        if count:
            yield f"{reason.replace('_', ' ')}: {count_text(count)}"


def _miners(total: Totals) -> Markup:
    states = (f"{count_text(total.active)} active, {count_text(total.idle)} idle",)
    return figure("Miners", count_text(total.rows), *(() if total.rows is None else states))


def _wallets(fresh: Sequence[Source]) -> Iterator[Markup]:
    wallets = [source.wallet for source in fresh if source.wallet is not None]
    if not wallets:
        return
    quotes = _sum(wallet.quotes_created for wallet in wallets)
    amount = _sum(wallet.quotes_amount for wallet in wallets)
    details = () if quotes == UNKNOWN else (f"Quotes: {quotes}, for {amount} ehash",)
    balance = _sum(wallet.balance for wallet in wallets)
    yield figure("Wallet", balance if balance == UNKNOWN else f"{balance} ehash", *details)


def _connections(total: Totals) -> Markup:
    types = (
        f"{one}: {count_text(total.types[one])}"
        for one in ConnectionType
        if one is not ConnectionType.OTHER or total.types[one]
    )
    return figure("Connections", count_text(total.rows), *(() if total.rows is None else types))


def _services(fresh: Sequence[Source]) -> Iterator[Markup]:
    services = [service for source in fresh for service in source.services]
    listed = [f"{one.service_type} at {one.address}" for one in services[:MOST_SERVICES]]
    yield figure("Services", count_text(len(services) or None), *listed)


def _sum(values: Iterable[int | None]) -> str:
    known = [value for value in values if value is not None]
    return count_text(sum(known) if known else None)
