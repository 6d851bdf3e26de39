"""The rules of the store over any sequence of connects, snapshots, closes and time.

Each sender's rows have ids of its own, so that whoever shows them can be told. `HOME` has one
sender without Hello, `SHARED` has two, and the others say Hello.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stats_gateway.errors import MessageRefused
from stats_gateway.limits import Limits
from stats_gateway.store.capacity import Held, held_by
from stats_gateway.store.parts import CLOSED_SECONDS, SILENT_SECONDS
from stats_gateway.store.sources import Source
from tests.support.senders import Senders
from tests.support.snapshots import miner, miner_snapshot

HOME, SHARED, ELSEWHERE = "192.0.2.1", "192.0.2.2", "192.0.2.3"
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 5.0, 9.5, 10.0, 25.0, 30.0])
IDS_PER_SENDER = 100


@dataclass
class Sender:
    """A process that sends, over one connection after the other."""

    number: int
    address: str
    name: str | None = None
    connection: int | None = None
    half_open: list[int] = field(default_factory=list)
    """Connections it has lost without the store having heard of it."""
    rows: tuple[int, ...] | None = None
    sent_at: float = 0.0
    closed_at: float | None = None
    """When the store heard that the connection of its last snapshot was closed."""

    @property
    def is_alone(self) -> bool:
        """Whether its rows can always be told from those of others."""
        return self.address != SHARED

    @property
    def source(self) -> str:
        return self.name or self.address


LIMITS = Limits(max_total_rows=9)
"""Fewer than what all senders together may send: some messages are refused."""

SENDERS = [(HOME, None), (SHARED, None), (SHARED, None), (ELSEWHERE, "a"), (ELSEWHERE, "b")]
sender_numbers = st.integers(0, len(SENDERS) - 1)


class Sequences(RuleBasedStateMachine):
    """What may happen, and what is true after each of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.opened = 0
        self.gateway = Senders(limits=LIMITS)
        self.senders = [Sender(n, address, name) for n, (address, name) in enumerate(SENDERS)]
        self.snapshots: set[tuple[int, ...]] = set()

    @rule(number=sender_numbers, shown=st.sets(st.integers(0, 5), max_size=3))
    def send(self, number: int, shown: set[int]) -> None:
        """A snapshot, over a new connection where there is none."""
        sender = self.senders[number]
        if sender.connection is None:
            self._connect(sender)
        others = {
            source.name: source
            for source in self.gateway.store.view.sources.values()
            if source.name.partition("#")[0] != sender.source
        }
        rows = tuple(sorted(IDS_PER_SENDER * number + id_ for id_ in shown))
        self.snapshots.add(rows)
        assert sender.connection is not None
        try:
            self.gateway.send(sender.connection, miner_snapshot(*map(miner, rows)), self.now)
        except MessageRefused:
            return
        sender.rows, sender.sent_at, sender.closed_at = rows, self.now, None
        for name, source in others.items():
            assert self.gateway.source(name) is source, "the source of another sender"

    def _connect(self, sender: Sender) -> None:
        self.opened += 1
        sender.connection = self.opened
        if sender.name is None:
            self.gateway.connect(self.opened, sender.address)
            return
        rival = self.gateway.hello(self.opened, sender.name, address=sender.address)
        if rival is not None:
            sender.half_open.remove(rival)
            self._close(sender, rival)

    def _close(self, sender: Sender, connection: int) -> None:
        shown = self.gateway.store.view.sources.get(sender.source)
        self.gateway.close(connection, self.now)
        owned = shown and any(part.owner == connection for part in shown.parts.values())
        if owned and sender.closed_at is None:
            sender.closed_at = self.now

    @rule(number=sender_numbers)
    def close(self, number: int) -> None:
        """The connection ends, and the store hears of it."""
        sender = self.senders[number]
        if sender.connection is not None:
            connection, sender.connection = sender.connection, None
            self._close(sender, connection)

    @rule(number=sender_numbers)
    def lose(self, number: int) -> None:
        """The connection is lost, and the store does not hear of it."""
        sender = self.senders[number]
        if sender.connection is not None:
            sender.half_open.append(sender.connection)
            sender.connection = None

    @rule(number=sender_numbers)
    def hear_of_the_loss(self, number: int) -> None:
        """A connection that was lost long ago is closed at last."""
        sender = self.senders[number]
        if sender.half_open:
            self._close(sender, sender.half_open.pop())

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.gateway.pass_time(self.now)

    @rule()
    def settle(self) -> None:
        """All send for longer than anything unheard of can be shown."""
        for _ in range(5):
            for number in range(len(self.senders)):
                self.send(number, {number})
            self.wait(10.0)
        shown = sorted(self.gateway.shown().values())
        assert shown == [[IDS_PER_SENDER * n + n] for n in range(len(self.senders))]

    @invariant()
    def every_source_shows_exactly_one_snapshot(self) -> None:
        """Neither parts of one nor of two."""
        for name, rows in self.gateway.shown().items():
            assert tuple(rows) in self.snapshots, name

    @invariant()
    def a_sender_alone_is_shown_once_as_it_was_last(self) -> None:
        """For as long as its snapshot is fresh, and no longer."""
        for sender in filter(lambda sender: sender.is_alone, self.senders):
            shown = [
                rows
                for rows in map(tuple, self.gateway.shown().values())
                if rows and rows[0] // IDS_PER_SENDER == sender.number
            ]
            expected = sender.rows if self._is_fresh(sender) else None
            assert shown == ([expected] if expected else []), sender

    def _is_fresh(self, sender: Sender) -> bool:
        closed = sender.closed_at is not None and self.now - sender.closed_at >= CLOSED_SECONDS
        return self.now - sender.sent_at < SILENT_SECONDS and not closed

    @invariant()
    def all_sources_together_keep_no_more_than_they_may(self) -> None:
        """However they came by their names, and the store knows how much it is."""
        sources = self.gateway.store.view.sources.values()
        kept = sum(map(held_by, sources), Held())
        assert kept == self.gateway.store.held
        assert kept.rows <= LIMITS.max_total_rows

    @invariant()
    def a_source_is_up_with_parts_and_down_without(self) -> None:
        """What `up` says is what is shown."""
        for source in self.gateway.store.view.sources.values():
            assert _is_consistent(source)


def _is_consistent(source: Source) -> bool:
    return source.up == (source.rows is not None) == (source.down_since is None)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=60, stateful_step_count=30)
