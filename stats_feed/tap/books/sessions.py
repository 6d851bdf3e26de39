"""This module makes rows of the facts that connections tell: one for each worker of each."""

import logging
from collections.abc import Iterable

from stats_feed.tap.books.counts import Counts, Verdict
from stats_feed.tap.reader.dialogue import Dialogue, Rooms
from stats_feed.tap.reader.facts import (
    AgentNamed,
    Authorized,
    DifficultySet,
    Direction,
    Fact,
    Redirected,
    ShareAccepted,
    ShareRejected,
    ShareUnanswered,
    Unread,
    Unreadable,
)
from stats_gateway.sender import MinerTracker

logger = logging.getLogger(__name__)

MAX_WORKERS = 1024
"""Rows of one connection, such as that of a proxy for a whole farm. A further worker's shares count
for the connection's first one."""

MAX_ROWS = 200_000
"""Rows of one process: as many as it could serve connections, several times over."""


class Book:
    """The rows of all connections, and the numbers that tell them apart.

    `first_id` and `step` are for processes that share one port: each has numbers of its own.
    """

    def __init__(
        self,
        tracker: MinerTracker,
        counts: Counts,
        *,
        redact_names: bool = False,
        first_id: int = 1,
        step: int = 1,
    ) -> None:
        self.tracker = tracker
        self.counts = counts
        self._redact_names = redact_names
        self._rooms = Rooms()
        self._next_id = first_id
        self._step = step

    def open(self, address: str | None, at: float) -> "Session":
        """Begin the session of a connection that was accepted at `at`, in unix seconds."""
        return Session(self, Dialogue(self._rooms), address, at)

    def add_row(self, worker: str | None, address: str | None, at: float) -> int | None:
        """Add a row for a worker; None where there are too many."""
        if len(self.tracker) >= MAX_ROWS:
            self.counts.rows_refused += 1
            return None
        id_, self._next_id = self._next_id, self._next_id + self._step
        self.tracker.connect(id_, self._name(worker), address, at)
        return id_

    def _name(self, worker: str | None) -> str | None:
        if worker and self._redact_names:
            worker = worker.partition(".")[2]  # what is before the dot may be a wallet's address
        return worker or None


class Session:
    """One connection: its dialogue, and the rows of its workers."""

    __slots__ = ("_address", "_agent", "_at", "_book", "_dialogue", "_difficulty", "_rows")

    def __init__(self, book: Book, dialogue: Dialogue, address: str | None, at: float) -> None:
        self._book = book
        self._dialogue = dialogue
        self._address = address
        self._at = at
        self._agent: str | None = None
        self._difficulty: float | None = None
        self._rows: dict[str | None, int] = {}
        """The number of each worker's row; the first one is the connection's first worker."""

    def read(self, direction: Direction, data: bytes, at: float) -> None:
        """Take in bytes that arrived at `at`, in unix seconds."""
        try:
            self._note(self._dialogue.feed(direction, data, at))
        except Exception:
            self._book.counts.unread[direction, Unreadable.UNEXPECTED] += 1
            logger.exception("bytes %s could not be read", direction.value)

    def expire(self, now: float) -> None:
        """Let time pass while nothing arrives."""
        self._note(self._dialogue.expire(now))

    def close(self) -> None:
        """End the session; its rows go, and what they counted stays in the totals."""
        self._note(self._dialogue.close())
        for id_ in self._rows.values():
            self._book.tracker.disconnect(id_)
        self._rows.clear()

    def _note(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, ShareAccepted | ShareRejected | ShareUnanswered):
                self._note_share(fact)
            else:
                self._note_other(fact)

    def _note_share(self, fact: ShareAccepted | ShareRejected | ShareUnanswered) -> None:
        tracker, verdicts = self._book.tracker, self._book.counts.verdicts
        match fact:
            case ShareAccepted(worker, difficulty, at):
                verdicts[Verdict.ACCEPTED] += 1
                if (row := self._row(worker)) is not None:
                    tracker.share_accepted(row, difficulty, at)
            case ShareRejected(worker, reason):
                verdicts[Verdict(reason.value)] += 1
                if (row := self._row_of_reject(worker)) is not None:
                    tracker.share_rejected(row, reason)
            case ShareUnanswered():
                verdicts[Verdict.UNANSWERED] += 1

    def _note_other(
        self, fact: AgentNamed | Authorized | DifficultySet | Redirected | Unread
    ) -> None:
        tracker, counts = self._book.tracker, self._book.counts
        match fact:
            case Authorized(worker):
                self._row(worker)
            case DifficultySet(difficulty):
                self._difficulty = difficulty
                for row in self._rows.values():
                    tracker.difficulty(row, difficulty)
            case AgentNamed(agent):
                self._agent = agent
                for row in self._rows.values():
                    tracker.agent(row, agent)
            case Unread(direction, why):
                counts.unread[direction, why] += 1
            case Redirected(host):
                counts.redirects += host is not None

    def _row_of_reject(self, worker: str | None) -> int | None:
        # The name may be wrong, or one that the pool never accepted; the device is the same.
        found = self._rows.get(worker)
        return self._first_row(worker) if found is None else found

    def _first_row(self, worker: str | None) -> int | None:
        first = next(iter(self._rows.values()), None)
        return self._add_row(worker) if first is None else first

    def _row(self, worker: str | None) -> int | None:
        """Return a worker's row, a new one where the pool has accepted it just now."""
        if (found := self._rows.get(worker)) is not None:
            return found
        if worker is None or len(self._rows) >= MAX_WORKERS:
            return self._first_row(worker)
        return self._add_row(worker)

    def _add_row(self, worker: str | None) -> int | None:
        row = self._book.add_row(worker, self._address, self._at)
        if row is not None:
            self._rows[worker] = row
            if self._difficulty is not None:
                self._book.tracker.difficulty(row, self._difficulty)
            if self._agent is not None:
                self._book.tracker.agent(row, self._agent)
        return row
