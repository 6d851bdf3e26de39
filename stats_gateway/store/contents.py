"""Turns a message into the content of the part of a source that the message replaces."""

from collections.abc import Iterable, Mapping, Sequence

from stats_gateway.clock import Now
from stats_gateway.errors import Dropped, MessageRefused, Reason
from stats_gateway.limits import MAX_TEXT_BYTES
from stats_gateway.rows.from_messages import connection_rows, miner_rows
from stats_gateway.rows.share_windows import windows
from stats_gateway.rows.text import clean
from stats_gateway.rows.totals import checked_totals
from stats_gateway.store.parts import (
    ConnectionsPart,
    Content,
    JobDeclaratorPart,
    MinersPart,
    PartKind,
    WalletPart,
    WindowPart,
)
from stats_gateway.wire.decoding import MessageDecoder
from stats_gateway.wire.hashpool import (
    JdsSnapshot,
    PoolStatus,
    ServiceSnapshot,
    TranslatorStatus,
    upstream_info,
    wallet_info,
)
from stats_gateway.wire.messages import (
    BalanceUpdate,
    ConnectionInfo,
    ConnectionSnapshot,
    MinerInfo,
    MinerSnapshot,
    QuoteCreated,
    ServiceInfo,
    Totals,
    UpstreamInfo,
    check_u64,
)
from stats_gateway.wire.services import Service

Update = (
    MinerSnapshot
    | ConnectionSnapshot
    | TranslatorStatus
    | PoolStatus
    | ServiceSnapshot
    | JdsSnapshot
    | BalanceUpdate
    | QuoteCreated
)
"""The messages that change what is known of a source."""

_BOTH = frozenset(Service)
_PLACES: Mapping[type[Update], tuple[frozenset[Service], PartKind]] = {
    MinerSnapshot: (frozenset({Service.PROXY}), PartKind.ROWS),
    TranslatorStatus: (frozenset({Service.PROXY}), PartKind.ROWS),
    ConnectionSnapshot: (frozenset({Service.POOL}), PartKind.ROWS),
    PoolStatus: (frozenset({Service.POOL}), PartKind.ROWS),
    ServiceSnapshot: (_BOTH, PartKind.WINDOW),
    JdsSnapshot: (frozenset({Service.POOL}), PartKind.JOB_DECLARATOR),
    BalanceUpdate: (_BOTH, PartKind.WALLET),
    QuoteCreated: (_BOTH, PartKind.WALLET),
}
_WINDOW_OF = {"Translator": Service.PROXY, "Pool": Service.POOL}


def part_kind(update: Update, service: Service) -> PartKind:
    """The part that `update` replaces. Raises `MessageRefused` where `service` is the wrong one."""
    services, kind = _PLACES[type(update)]
    if isinstance(update, ServiceSnapshot):
        services = frozenset({_WINDOW_OF[update.service_type]})
    if service not in services:
        (right,) = services
        detail = f"{type(update).__name__} belongs to {right.value}: send it to that service's port"
        raise MessageRefused(Reason.WRONG_SERVICE, detail)
    return kind


def content_of(
    update: Update,
    decoder: MessageDecoder,
    previous: Content | None,
    now: Now,
    dropped: Dropped,
) -> Content:
    """What `update` says, in our own terms.

    `decoder` is the one it came from, which decodes its rows; `previous` is the content it
    replaces; values that cannot be are counted in `dropped`. Raises `MessageRefused` for rows that
    do not decode or that contradict each other.
    """
    check_u64((update.timestamp,))
    match update:
        case MinerSnapshot() | TranslatorStatus():
            return _miners(update, decoder.miners(update), previous, now, dropped)
        case ConnectionSnapshot() | PoolStatus():
            return _connections(update, decoder.connections(update), previous, now, dropped)
        case ServiceSnapshot():
            before = previous.windows if isinstance(previous, WindowPart) else {}
            is_pool = update.service_type == "Pool"
            rows = decoder.windows(update)
            return WindowPart(windows=windows(rows, before, now, counts_quotes_twice=is_pool))
        case JdsSnapshot():
            return JobDeclaratorPart(address=clean(update.listen_address, MAX_TEXT_BYTES))
        case BalanceUpdate() | QuoteCreated():
            return _wallet(update, previous if isinstance(previous, WalletPart) else WalletPart())


def _miners(
    snapshot: MinerSnapshot | TranslatorStatus,
    batches: Iterable[Sequence[MinerInfo]],
    previous: Content | None,
    now: Now,
    dropped: Dropped,
) -> MinersPart:
    before = previous.rows if isinstance(previous, MinersPart) else None
    if isinstance(snapshot, TranslatorStatus):
        wallet, upstream = wallet_info(snapshot), upstream_info(snapshot)
    else:
        wallet, upstream = snapshot.wallet, snapshot.upstream
    if wallet is not None:
        check_u64((wallet.balance, wallet.quotes_created, wallet.quotes_amount))
    return MinersPart(
        rows=miner_rows(batches, snapshot.timestamp, before, now, dropped),
        wallet=wallet,
        upstream=None if upstream is None else _clean_upstream(upstream),
        totals=_totals(snapshot, dropped),
    )


def _connections(
    snapshot: ConnectionSnapshot | PoolStatus,
    batches: Iterable[Sequence[ConnectionInfo]],
    previous: Content | None,
    now: Now,
    dropped: Dropped,
) -> ConnectionsPart:
    before = previous.rows if isinstance(previous, ConnectionsPart) else None
    if isinstance(snapshot, PoolStatus):
        services = [_listening(one.service_type, one.address) for one in snapshot.services]
    elif snapshot.listen_address:
        services = [_listening("Pool", snapshot.listen_address)]
    else:
        services = []
    rows = connection_rows(batches, before, now, dropped)
    return ConnectionsPart(rows=rows, services=tuple(services), totals=_totals(snapshot, dropped))


def _totals(
    snapshot: MinerSnapshot | ConnectionSnapshot | TranslatorStatus | PoolStatus, dropped: Dropped
) -> Totals | None:
    """What the sender adds up itself; the lines of the Rust services have nothing of the kind."""
    if isinstance(snapshot, TranslatorStatus | PoolStatus) or snapshot.totals is None:
        return None
    return checked_totals(snapshot.totals, dropped)


def _listening(service_type: str, address: str) -> ServiceInfo:
    return ServiceInfo(
        service_type=clean(service_type, MAX_TEXT_BYTES), address=clean(address, MAX_TEXT_BYTES)
    )


def _clean_upstream(upstream: UpstreamInfo) -> UpstreamInfo:
    return UpstreamInfo(
        address=clean(upstream.address, MAX_TEXT_BYTES),
        connected=upstream.connected,
        network=None if upstream.network is None else clean(upstream.network, MAX_TEXT_BYTES),
    )


def _wallet(event: BalanceUpdate | QuoteCreated, before: WalletPart) -> WalletPart:
    if isinstance(event, BalanceUpdate):
        check_u64((event.balance,))
        return WalletPart(
            balance=event.balance,
            quotes_created=before.quotes_created,
            quotes_amount=before.quotes_amount,
        )
    check_u64((event.amount,))
    return WalletPart(
        balance=before.balance,
        quotes_created=(before.quotes_created or 0) + 1,
        quotes_amount=(before.quotes_amount or 0) + event.amount,
    )
