"""This tracker holds what a translator knows about its miners, its wallet and its upstream."""

from typing import cast

from stats_gateway.sender.snapshots import MinerInfo, MinerSnapshot, UpstreamInfo, WalletInfo
from stats_gateway.sender.trackers.downstreams import Downstream, Downstreams, shown
from stats_gateway.sender.trackers.numbers import U64, is_count, is_number


class Miner(Downstream):
    """One connected miner."""

    __slots__ = ("difficulty", "name")

    def __init__(
        self,
        downstream_id: int,
        name: str | None,
        address: str | None,
        now: float | None,
        agent: str | None,
    ) -> None:
        super().__init__(downstream_id, address, now, agent)
        self.name = f"Miner-{downstream_id}" if name is None else shown(name)
        self.difficulty: float | None = None


class MinerTracker(Downstreams[Miner]):
    """The miners of one translator; every method may be called from any thread.

    With `redact_ip` the miners' addresses are neither kept nor sent.
    """

    def __init__(self, *, redact_ip: bool = False, counts_shares: bool = True) -> None:
        super().__init__(redact_ip=redact_ip, counts_shares=counts_shares)
        self._balance: int | None = None
        self._quotes: tuple[int, int] | None = None
        self._upstream: UpstreamInfo | None = None

    def connect(
        self,
        downstream_id: int,
        name: str | None,
        address: str | None,
        now: float | None,
        *,
        agent: str | None = None,
    ) -> None:
        """Add a miner, or begin a new session of one whose id is known.

        Without a name it is called `Miner-{downstream_id}` until `rename`. None as `now` says that
        nobody knows since when it has been connected. Raises ValueError for an id that is not an
        unsigned 32-bit number.
        """
        self._add(Miner(downstream_id, name, self._address(address), now, agent))

    def rename(self, downstream_id: int, name: str) -> None:
        """Name a miner: its user name, once mining.authorize has told it."""

        def change(miner: Miner) -> None:
            if miner.name != cut:
                miner.name = cut
                self.changed.set()

        cut = shown(name)
        self._update(downstream_id, change)

    def difficulty(self, downstream_id: int, difficulty: float) -> None:
        """Set the difficulty that a miner's next job asks for, from mining.set_difficulty."""

        def change(miner: Miner) -> None:
            miner.difficulty = difficulty

        if self._valid(is_number(difficulty)):
            self._update(downstream_id, change)

    def wallet(
        self, balance: int | None, *, quotes: int | None = None, amount: int | None = None
    ) -> None:
        """Set the wallet's balance in ehash, and the totals of its quotes when both are given.

        None as the balance means that it is not known, for example because the wallet did not
        answer; then no wallet is sent, which is not the same as an empty one.
        """
        known = balance is not None and self._valid(is_count(balance))
        with self._lock:
            self._balance = balance if known else None
        if quotes is None or amount is None:
            return
        if self._valid(is_count(quotes) and is_count(amount)):
            with self._lock:
                self._quotes = (quotes, amount)

    def quote_created(self, amount: int) -> None:
        """Add one quote of `amount` ehash to the totals."""
        if not self._valid(is_count(amount)):
            return
        with self._lock:
            created, total = self._quotes or (0, 0)
            self._quotes = (created + 1, min(total + amount, U64))

    def upstream(
        self, address: str, *, connected: bool | None = None, network: str | None = None
    ) -> None:
        """Set the pool that this translator works for; None means not known."""
        upstream: UpstreamInfo = {"address": address}
        if connected is not None:
            upstream["connected"] = connected
        if network is not None:
            upstream["network"] = network
        with self._lock:
            self._upstream = upstream

    def snapshot(self, now: float) -> MinerSnapshot:
        """Return everything this tracker has, sorted by downstream_id.

        Every row is consistent in itself. The miners are those of one moment.
        """
        snapshot: MinerSnapshot = {
            "miners": [self._miner_info(miner, now) for miner in self._sorted()],
            "timestamp": int(now),
        }
        if (totals := self._totals_after_rows()) is not None:
            snapshot["totals"] = totals
        with self._lock:
            if self._balance is not None:
                snapshot["wallet"] = self._wallet_info(self._balance)
            if self._upstream is not None:
                snapshot["upstream"] = self._upstream
        return snapshot

    def _miner_info(self, miner: Miner, now: float) -> MinerInfo:
        with miner.lock:
            # mypy cannot know that a DownstreamInfo has none of a MinerInfo's optional keys.
            info = cast("MinerInfo", {"name": miner.name, **self._info(miner, now)})
            if miner.difficulty is not None:
                info["difficulty"] = miner.difficulty
            return info

    def _wallet_info(self, balance: int) -> WalletInfo:
        if self._quotes is None:
            return {"balance": balance}
        created, amount = self._quotes
        return {"balance": balance, "quotes_created": created, "quotes_amount": amount}
