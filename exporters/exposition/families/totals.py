"""The families in which both services tell about the totals and the wallet of a sender."""

from collections.abc import Callable, Iterator
from math import inf, isfinite

from exporters.exposition.families.family import Kind, Number, Sample, SourceFamily, source_family
from stats_gateway.rows.share_windows import HASHES_PER_DIFFICULTY
from stats_gateway.store.parts import WalletPart
from stats_gateway.store.sources import Source
from stats_gateway.wire.messages import Totals, WalletInfo


def total_families(service: str, sender: str) -> tuple[SourceFamily, ...]:
    """The families of `Totals`; `service` is the part of their names that tells the services apart.

    `sender` is what one of the service's senders is called.
    """
    since = f"since the {sender} started, over all sessions"
    return (
        source_family(
            f"stratum_{service}_shares_submitted_total",
            Kind.COUNTER,
            f"Shares accepted {since}, as the {sender} counts them.",
            _of_totals(lambda totals: totals.shares_submitted),
        ),
        source_family(
            f"stratum_{service}_shares_rejected_total",
            Kind.COUNTER,
            f"Shares rejected {since}, as the {sender} counts them.",
            _of_totals(lambda totals: totals.shares_rejected),
        ),
        SourceFamily(
            name=f"stratum_{service}_shares_rejected_by_reason_total",
            kind=Kind.COUNTER,
            help=f"Shares rejected {since}, by reason.",
            labels=("source", "reason"),
            samples=_rejected_by,
        ),
        source_family(
            f"stratum_{service}_work_hashes_total",
            Kind.COUNTER,
            f"Hashes that the shares accepted {since}, stand for (sum of difficulties times 2^32).",
            _of_totals(_work_hashes),
        ),
    )


def wallet_families(service: str, sender: str) -> tuple[SourceFamily, ...]:
    """The families of a wallet; arguments as in `total_families`."""
    return (
        source_family(
            f"stratum_{service}_wallet_balance_ehash",
            Kind.GAUGE,
            f"The {sender}'s wallet balance.",
            _of_wallet(lambda wallet: wallet.balance),
        ),
        source_family(
            f"stratum_{service}_quotes_created_total",
            Kind.COUNTER,
            f"Quotes created for the {sender}'s wallet.",
            _of_wallet(lambda wallet: wallet.quotes_created),
        ),
        source_family(
            f"stratum_{service}_quotes_amount_ehash_total",
            Kind.COUNTER,
            "The sum of the amounts of those quotes.",
            _of_wallet(lambda wallet: wallet.quotes_amount),
        ),
    )


def _of_totals(value: Callable[[Totals], Number | None]) -> Callable[[Source], Number | None]:
    return lambda source: None if source.totals is None else value(source.totals)


def _of_wallet(
    value: Callable[[WalletInfo | WalletPart], Number | None],
) -> Callable[[Source], Number | None]:
    return lambda source: None if source.wallet is None else value(source.wallet)


def _rejected_by(source: Source, _hidden: int) -> Iterator[Sample]:
    by_reason = None if source.totals is None else source.totals.shares_rejected_by
    for reason, count in sorted((by_reason or {}).items()):
        yield (reason,), count


def _work_hashes(totals: Totals) -> float | None:
    hashes = inf if totals.work is None else totals.work * HASHES_PER_DIFFICULTY
    return hashes if isfinite(hashes) else None
