"""A pool and what is connected to it: translators, a mint, a job declarator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from stats_feed.simulate.agenda import Agenda, about
from stats_feed.simulate.fleet import Fleet
from stats_feed.simulate.shares import ShareStream, difficulty_for
from stats_gateway.sender import ConnectionType, DownstreamTracker

LISTEN_ADDRESS = "0.0.0.0:34254"

# A translator adds up its miners, and the pool's vardiff asks it for more shares than one miner.
SHARES_PER_MINUTE = 30.0

# The other translators' fleets and the job declarator's, in fleets of ours.
SMALLEST, LARGEST, JOB_DECLARATOR = 0.4, 2.5, 0.3

# Seconds.
LOOKS_AT_FLEET_EVERY = 1.0
QUOTES_EVERY = 15.0
CHANNELS_CHANGE_EVERY = 60.0
SOMEONE_LEAVES_EVERY = 240.0
AWAY = (15.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPlan:
    """What to simulate; the first translator is the simulated one, called `fleet_name`."""

    translators: int
    fleet_name: str
    troubled: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Peer:
    """One connection, there or not. A mint has no hashrate."""

    kind: ConnectionType
    name: str
    address: str
    hashrate: float = 0.0
    downstream_id: int | None = None
    channels: list[int] = field(default_factory=list)
    shares: ShareStream | None = field(default=None, repr=False)


class Pool:
    """Drives a tracker through an agenda; everything random comes from `random`."""

    def __init__(
        self,
        agenda: Agenda,
        random: Random,
        tracker: DownstreamTracker,
        fleet: Fleet,
        plan: PoolPlan,
    ) -> None:
        self._agenda = agenda
        self._random = random
        self._tracker = tracker
        self._fleet = fleet
        self._plan = plan
        self._ids = count(1)
        self._channel_ids = count(1)
        self._mint = Peer(kind=ConnectionType.MINT, name="mint", address="10.1.0.1:34260")
        self._own: Peer | None = None
        self._others: list[Peer] = []

    @property
    def peers(self) -> Sequence[Peer]:
        """All connections, there or not."""
        return [*self._others, *([self._own] if self._own else [])]

    def start(self, now: float) -> None:
        """Connect everything, and note what is going to happen. The fleet has started before."""
        size = self._fleet.hashrate
        self._others = [self._mint, self._job_declarator(size), *self._other_translators(size)]
        for peer in self._others:
            self._join(peer, now)
        if self._plan.translators > 0:
            self._own = self._translator(1, self._plan.fleet_name, size)
            self._follow_fleet(now)
            self._agenda.repeat(now, lambda: LOOKS_AT_FLEET_EVERY, self._follow_fleet)
        self._agenda.repeat(now, about(self._random, QUOTES_EVERY), self._quote)
        if self._plan.troubled:
            self._agenda.repeat(
                now, about(self._random, CHANNELS_CHANGE_EVERY), self._change_channels
            )
            self._agenda.repeat(
                now, about(self._random, SOMEONE_LEAVES_EVERY), self._someone_leaves
            )

    def _job_declarator(self, size: float) -> Peer:
        return Peer(
            kind=ConnectionType.JOB_DECLARATOR,
            name="job-declarator-1",
            address="10.1.0.2:34264",
            hashrate=size * JOB_DECLARATOR,
        )

    def _other_translators(self, size: float) -> list[Peer]:
        return [
            self._translator(
                number, f"translator-{number}", size * self._random.uniform(SMALLEST, LARGEST)
            )
            for number in range(2, self._plan.translators + 1)
        ]

    def _translator(self, number: int, name: str, hashrate: float) -> Peer:
        address = f"10.2.{number >> 8 & 255}.{number & 255}:34255"
        return Peer(kind=ConnectionType.TRANSLATOR, name=name, address=address, hashrate=hashrate)

    def _join(self, peer: Peer, now: float) -> None:
        downstream_id = peer.downstream_id = next(self._ids)
        self._tracker.connect(downstream_id, peer.kind, now, name=peer.name, address=peer.address)
        if peer.kind is ConnectionType.MINT:
            return
        self._open_channel(peer, downstream_id)
        peer.shares = ShareStream(
            self._agenda,
            self._random,
            self._tracker,
            downstream_id,
            hashrate=peer.hashrate,
            difficulty=difficulty_for(peer.hashrate, SHARES_PER_MINUTE),
            now=now,
        )

    def _leave(self, peer: Peer) -> None:
        if peer.shares is not None:
            peer.shares.stop()
        if peer.downstream_id is not None:
            self._tracker.disconnect(peer.downstream_id)
        peer.downstream_id, peer.shares, peer.channels = None, None, []

    def _follow_fleet(self, now: float) -> None:
        """Our translator is here while its upstream is, and does what its miners do."""
        peer = self._own
        if peer is None:
            return
        if self._fleet.upstream_connected and peer.downstream_id is None:
            self._join(peer, now)
        elif not self._fleet.upstream_connected:
            self._leave(peer)
        if peer.shares is not None:
            peer.shares.hashrate = self._fleet.hashrate

    def _quote(self, _: float) -> None:
        if self._mint.downstream_id is not None:
            amount = int(self._random.lognormvariate(9.0, 1.0))
            self._tracker.quote_created(self._mint.downstream_id, amount)

    def _open_channel(self, peer: Peer, downstream_id: int) -> None:
        channel = next(self._channel_ids)
        peer.channels.append(channel)
        self._tracker.channel_opened(downstream_id, channel)

    def _change_channels(self, _: float) -> None:
        """One translator opens a second channel, or closes it again."""
        peer = self._random.choice(self._others)
        if peer.downstream_id is None or peer.kind is ConnectionType.MINT:
            return
        if len(peer.channels) > 1:
            self._tracker.channel_closed(peer.downstream_id, peer.channels.pop())
        else:
            self._open_channel(peer, peer.downstream_id)

    def _someone_leaves(self, now: float) -> None:
        """A mint, job declarator or translator goes away and is back under a new id."""
        peer = self._random.choice(self._others)
        if peer.downstream_id is None:
            return
        self._leave(peer)
        self._agenda.at(now + self._random.uniform(*AWAY), lambda time: self._join(peer, time))
