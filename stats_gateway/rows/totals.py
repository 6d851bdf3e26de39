"""Checks what a sender says that all its sessions add up to."""

from stats_gateway.errors import Dropped
from stats_gateway.rows.builders import possible
from stats_gateway.rows.rejects import by_known_reason, known_sum
from stats_gateway.wire.messages import Totals, check_u64


def checked_totals(totals: Totals, dropped: Dropped) -> Totals:
    """`totals` as they are shown: known reasons only, and no work that cannot be.

    What is left out is counted in `dropped`. Raises `MessageRefused` for counts of more than
    64 bits.
    """
    by_reason = totals.shares_rejected_by
    if by_reason is not None:
        by_reason = by_known_reason(by_reason)
        check_u64(by_reason.values())
    rejected = known_sum(by_reason, totals.shares_rejected)
    check_u64((totals.shares_submitted, rejected))
    return Totals(
        shares_submitted=totals.shares_submitted,
        shares_rejected=rejected,
        shares_rejected_by=by_reason,
        work=possible(totals.work, dropped),
    )
