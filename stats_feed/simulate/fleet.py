"""A translator and its miners, as they behave in the field."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from stats_feed.simulate.agenda import Agenda, about
from stats_feed.simulate.models import MinerModel, draw_model
from stats_feed.simulate.rhythm import throttle
from stats_feed.simulate.shares import ShareStream, difficulty_for
from stats_gateway.sender import MinerTracker

UPSTREAM = "pool.example:34254"
NETWORK = "testnet4"

# Two machines with one name, one that stalls, one that flaps, and one at least for churn.
MIN_FIELD_MINERS = 5
STALLED, FLAPPING, NAMESAKE, NAMED = range(4)

# Seconds after the start, or between two times.
STALLS_AFTER = 60.0
FLAPS_EVERY = 180.0
UPSTREAM_FIRST_LOST_AFTER = 300.0
UPSTREAM_LOST_EVERY = 7200.0
UPSTREAM_AWAY = 15.0
QUOTES_EVERY = 30.0
THROTTLES_EVERY = 60.0

# Miners do not all come back in the same second.
RECONNECT_SPREAD = 20.0
# From connect to mining.authorize, which tells the name.
AUTHORIZE_DELAY = 0.5

# Rows left behind when the upstream is lost, until it is lost again: a real translator keeps all
# of them for the life of the process, which a simulation that runs for weeks must not.
GHOSTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What to simulate. `churn` is in miners a minute; `troubled` adds what goes wrong."""

    miners: int
    shares_per_minute: float
    churn: float
    troubled: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Machine:
    """One miner, connected or not. `hashrate` is what it does at night, in H/s."""

    name: str
    model: MinerModel
    address: str
    hashrate: float
    stalled: bool = False
    retired: bool = False
    downstream_id: int | None = None
    shares: ShareStream | None = field(default=None, repr=False)


class Fleet:
    """Drives a tracker through an agenda; everything random comes from `random`."""

    def __init__(
        self, agenda: Agenda, random: Random, tracker: MinerTracker, plan: FleetPlan
    ) -> None:
        self._agenda = agenda
        self._random = random
        self._tracker = tracker
        self._plan = plan
        self._ids = count(1)
        self._serials = count(1)
        self._ghosts: list[int] = []
        self._balance = 0
        self.stopped = False
        self._machines = [self._new_machine() for _ in range(plan.miners)]
        self.upstream_connected = False

    @property
    def hashrate(self) -> float:
        """What the connected miners really do, in H/s."""
        return sum(machine.shares.hashrate for machine in self._machines if machine.shares)

    @property
    def machines(self) -> Sequence[Machine]:
        """All miners, connected or not."""
        return self._machines

    def start(self, now: float) -> None:
        """Connect everything, and note what is going to happen."""
        self._tracker.wallet(0, quotes=0, amount=0)
        self._set_upstream(connected=True)
        for machine in self._machines:
            self._join(machine, now)
        self._agenda.repeat(now, about(self._random, QUOTES_EVERY), self._quote)
        if self._plan.churn > 0:
            self._agenda.repeat(now, about(self._random, 60.0 / self._plan.churn), self._churn)
        if self._plan.troubled:
            self._plan_troubles(now)

    def unplug(self) -> str | None:
        """Take away for good a miner that has no other trouble, and return its name."""
        first = NAMED + 1 if self._plan.troubled else 0
        there = [one for one in self._machines[first:] if one.downstream_id is not None]
        if not there:
            return None
        machine = self._random.choice(there)
        machine.retired = True
        self._disconnect(machine)
        return machine.name

    def stop(self) -> None:
        """End the translator: its miners are dropped, and nothing comes back until `resume`."""
        self.stopped = True
        self._set_upstream(connected=False)
        for machine in self._machines:
            self._leave(machine)
        self._ghosts = []
        self._tracker.clear()

    def resume(self, now: float) -> None:
        """Start the translator again; its miners come back within seconds."""
        self.stopped = False
        self._regain_upstream(now)

    def _plan_troubles(self, now: float) -> None:
        self._machines[NAMESAKE].name = self._machines[NAMED].name
        self._agenda.repeat(now, lambda: THROTTLES_EVERY, self._throttle)
        self._agenda.at(now + STALLS_AFTER, self._stall)
        self._agenda.repeat(now, lambda: FLAPS_EVERY, self._flap)
        self._agenda.at(now + UPSTREAM_FIRST_LOST_AFTER, self._lose_upstream)

    def _new_machine(self) -> Machine:
        model = draw_model(self._random)
        serial = next(self._serials)
        return Machine(
            model=model,
            name=f"farm{self._random.randint(1, 3)}.{model.code}-{serial:03d}",
            address=f"10.{serial >> 16 & 255}.{serial >> 8 & 255}.{serial & 255}:4444",
            hashrate=model.hashrate * self._random.gauss(1.0, 0.03),
        )

    def _join(self, machine: Machine, now: float) -> None:
        here = machine.downstream_id is not None
        if here or machine.retired or not self.upstream_connected:
            return
        downstream_id = machine.downstream_id = next(self._ids)
        self._tracker.connect(downstream_id, None, machine.address, now)
        self._agenda.at(now + AUTHORIZE_DELAY, lambda _: self._authorize(machine, downstream_id))
        if not machine.stalled:
            machine.shares = self._stream(machine, downstream_id, now)

    def _stream(self, machine: Machine, downstream_id: int, now: float) -> ShareStream:
        return ShareStream(
            self._agenda,
            self._random,
            self._tracker,
            downstream_id,
            hashrate=self._hashrate(machine, now),
            difficulty=self.difficulty(machine),
            now=now,
        )

    def difficulty(self, machine: Machine) -> float:
        """Return the difficulty of a miner's shares, which vardiff has set for it."""
        return difficulty_for(machine.hashrate, self._plan.shares_per_minute)

    def _hashrate(self, machine: Machine, now: float) -> float:
        return machine.hashrate * (throttle(now) if self._plan.troubled else 1.0)

    def _throttle(self, now: float) -> None:
        for machine in self._machines:
            if machine.shares is not None:
                machine.shares.hashrate = self._hashrate(machine, now)

    def _authorize(self, machine: Machine, downstream_id: int) -> None:
        if machine.downstream_id == downstream_id:
            self._tracker.rename(downstream_id, machine.name)
            self._tracker.agent(downstream_id, machine.model.agent)
            self._tracker.difficulty(downstream_id, self.difficulty(machine))

    def _leave(self, machine: Machine) -> int | None:
        """Take a machine away, but not yet its row; return the row's id."""
        if machine.shares is not None:
            machine.shares.stop()
        downstream_id, machine.downstream_id, machine.shares = machine.downstream_id, None, None
        return downstream_id

    def _disconnect(self, machine: Machine) -> None:
        downstream_id = self._leave(machine)
        if downstream_id is not None:
            self._tracker.disconnect(downstream_id)

    def _quote(self, _: float) -> None:
        amount = int(self._random.lognormvariate(8.0, 1.0))
        self._balance += amount
        self._tracker.quote_created(amount)
        self._tracker.wallet(self._balance)

    def _churn(self, now: float) -> None:
        """One miner leaves for good, another one arrives a little later."""
        first = NAMED + 1 if self._plan.troubled else 0
        index = self._random.randrange(first, len(self._machines))
        self._machines[index].retired = True  # it may have been on its way
        self._disconnect(self._machines[index])
        machine = self._machines[index] = self._new_machine()
        self._join_soon(machine, now)

    def _join_soon(self, machine: Machine, now: float) -> None:
        delay = self._random.uniform(0.0, RECONNECT_SPREAD)
        self._agenda.at(now + delay, lambda time: self._join(machine, time))

    def _stall(self, _: float) -> None:
        """The machine stays connected and finds nothing any more, reconnects or not."""
        machine = self._machines[STALLED]
        machine.stalled = True
        if machine.shares is not None:
            machine.shares.stop()
            machine.shares = None

    def _flap(self, now: float) -> None:
        """The machine is back at once, under a new id."""
        machine = self._machines[FLAPPING]
        self._disconnect(machine)
        self._join(machine, now)

    def _lose_upstream(self, now: float) -> None:
        """Everyone is dropped; some rows stay behind, as translators in the field leave them."""
        self._set_upstream(connected=False)
        for ghost in self._ghosts:
            self._tracker.disconnect(ghost)
        self._ghosts = []
        for machine in self._machines:
            downstream_id = self._leave(machine)
            if downstream_id is None:
                continue
            if len(self._ghosts) < GHOSTS:
                self._ghosts.append(downstream_id)
            else:
                self._tracker.disconnect(downstream_id)
        self._agenda.at(now + UPSTREAM_AWAY, self._regain_upstream)
        self._agenda.at(now + UPSTREAM_LOST_EVERY, self._lose_upstream)

    def _regain_upstream(self, now: float) -> None:
        if self.stopped:
            return
        self._set_upstream(connected=True)
        for machine in self._machines:
            self._join_soon(machine, now)

    def _set_upstream(self, *, connected: bool) -> None:
        self.upstream_connected = connected
        self._tracker.upstream(UPSTREAM, connected=connected, network=NETWORK)
