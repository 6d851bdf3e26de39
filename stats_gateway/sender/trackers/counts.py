"""This module counts shares: accepted and refused ones, and the work of the accepted ones."""

from stats_gateway.sender.snapshots import RejectReason, Totals


class ShareCounts:
    """The shares of one downstream, or of all of them together. Its owner holds a lock."""

    __slots__ = ("_rejected_by", "submitted", "work")

    def __init__(self) -> None:
        self.submitted = 0
        self.work = 0.0
        self._rejected_by: dict[RejectReason, int] = {}

    def accept(self, difficulty: float) -> None:
        """Count a share that was accepted."""
        self.submitted += 1
        self.work += difficulty

    def reject(self, reason: RejectReason) -> None:
        """Count a share that was refused."""
        self._rejected_by[reason] = self._rejected_by.get(reason, 0) + 1

    @property
    def rejected(self) -> int:
        """How many shares were refused."""
        return sum(self._rejected_by.values())

    def rejected_by(self) -> dict[str, int]:
        """Return the number of refused shares, for each reason that was seen."""
        return {reason.value: count for reason, count in self._rejected_by.items()}

    def totals(self) -> Totals:
        """Return the counts, every reason among them: counters are there before a first share."""
        return {
            "shares_submitted": self.submitted,
            "shares_rejected": self.rejected,
            "shares_rejected_by": {
                reason.value: self._rejected_by.get(reason, 0) for reason in RejectReason
            },
            "work": self.work,
        }
