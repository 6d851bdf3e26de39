"""Turns share the event loop among all senders: a few milliseconds at a time, and fairly.

However many senders are connected and whatever they send, together they keep the loop from
everything else, such as a scrape, for at most one turn in each of the loop's iterations. Whose turn
is next is decided first among networks and then within a network, by who has used the least time:
a hundred connections of one address get no more than the single connection of another, and the
sender of one snapshot goes before those that send without end.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TypeVar

from stats_gateway.store.peer import Peer

TURN_SECONDS = 0.005
"""How long all senders together may keep the event loop before everything else has its chance."""

CREDIT_SECONDS = 0.25
"""What a sender that was idle may use before others: a snapshot of 100,000 rows takes less."""

T = TypeVar("T")


class FairOrder:
    """Tells who has used the least of something that all want; a pure start-time fair queue.

    Who was idle counts as if they had used nearly as much as the one who was served last, up to
    `credit` less: nobody saves up more than that. Whoever is new has saved up nothing. Reference:
    Goyal, Vin, Cheng, "Start-time Fair Queueing", 1996.
    """

    def __init__(self, credit: float) -> None:
        self._credit = credit
        self._used: dict[object, float] = {}
        self._served_at = 0.0

    def arrive(self, who: object) -> None:
        """`who` wants some, and wanted none so far."""
        used = self._used.get(who, self._served_at)
        self._used[who] = max(used, self._served_at - self._credit)

    def used(self, who: object) -> float:
        """How much `who`, who has arrived, counts as having used."""
        return self._used[who]

    def serve(self, who: object) -> None:
        """`who` is served next."""
        self._served_at = max(self._served_at, self._used[who])

    def charge(self, who: object, amount: float) -> None:
        """`who` has used `amount`."""
        self._used[who] = self._used.get(who, self._served_at) + amount

    def forget(self, who: object) -> None:
        """`who` will not come again."""
        self._used.pop(who, None)


@dataclass(slots=True, eq=False)
class _Waiting:
    peer: Peer
    turn: asyncio.Future[None]


class Turns:
    """Gives one turn at a time; for one event loop."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._networks = FairOrder(CREDIT_SECONDS)
        self._peers = defaultdict[str, FairOrder](partial(FairOrder, CREDIT_SECONDS))
        """The order within each network."""
        self._holder: Peer | None = None
        self._began = 0.0
        self._spent = 0.0
        """Seconds of the loop's present iteration that turns have taken."""
        self._renewal: asyncio.Handle | None = None

    @asynccontextmanager
    async def turn(self, peer: Peer) -> AsyncIterator[None]:
        """Wait for the peer's turn, which lasts until the end of the block."""
        await self._take(peer)
        try:
            yield
        finally:
            self._give_back(peer)

    async def renew(self, peer: Peer) -> None:
        """Within a turn: let others go first once the turn has lasted long enough."""
        if self._clock() - self._began >= TURN_SECONDS:
            self._give_back(peer)
            await self._take(peer)

    async def without(self, peer: Peer, work: Awaitable[T]) -> T:
        """Within a turn: give the turn back, wait for `work`, and wait for a new turn."""
        self._give_back(peer)
        try:
            result = await work
        except Exception:
            await self._take(peer)
            raise
        await self._take(peer)
        return result

    def forget(self, peer: Peer) -> None:
        """The peer has left."""
        self._peers[peer.network].forget(peer.number)
        if self._holder is None and not self._waiting:
            # Nobody competes, so nobody's past matters, and what is remembered stays small.
            self._networks = FairOrder(CREDIT_SECONDS)
            self._peers.clear()

    async def _take(self, peer: Peer) -> None:
        self._renewal = self._renewal or asyncio.get_running_loop().call_soon(self._renew)
        if self._holder is None and not self._waiting and self._spent < TURN_SECONDS:
            self._holder = peer
        else:
            await self._wait(peer)
        self._began = self._clock()

    async def _wait(self, peer: Peer) -> None:
        one = _Waiting(peer, asyncio.get_running_loop().create_future())
        if all(other.peer.network != peer.network for other in self._waiting):
            self._networks.arrive(peer.network)
        self._peers[peer.network].arrive(peer.number)
        self._waiting.append(one)
        try:
            await one.turn
        except asyncio.CancelledError:
            if one in self._waiting:
                self._waiting.remove(one)
            else:
                self._began = self._clock()
                self._give_back(peer)
            raise

    def _give_back(self, peer: Peer) -> None:
        if self._holder is not peer:
            return
        seconds = self._clock() - self._began
        self._spent += seconds
        self._networks.charge(peer.network, seconds)
        self._peers[peer.network].charge(peer.number, seconds)
        self._holder = None
        if self._spent < TURN_SECONDS:
            self._grant()

    def _renew(self) -> None:
        """A new iteration of the event loop has begun."""
        self._spent = 0.0
        self._renewal = None
        self._grant()
        if self._waiting:
            self._renewal = asyncio.get_running_loop().call_soon(self._renew)

    def _grant(self) -> None:
        # Whoever was cancelled has not had the time to leave yet.
        waiting = [one for one in self._waiting if not one.turn.done()]
        if self._holder is None and waiting:
            one = min(waiting, key=self._place)
            self._waiting.remove(one)
            self._networks.serve(one.peer.network)
            self._peers[one.peer.network].serve(one.peer.number)
            self._holder = one.peer
            one.turn.set_result(None)

    def _place(self, one: _Waiting) -> tuple[float, float]:
        network = one.peer.network
        return self._networks.used(network), self._peers[network].used(one.peer.number)
