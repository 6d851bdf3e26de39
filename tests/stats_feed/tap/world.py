"""A pool and miners that keep their own books, as values: lines in, lines with delays out.

The pool is as unkind as pools are: it changes the difficulty and the job at any moment, answers in
every form, late, out of order or not at all, and keeps shares of old jobs for a while.
"""

import json
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from stats_feed.tap.books.counts import Counts, Verdict
from stats_gateway.sender import MinerSnapshot
from tests.stats_feed.tap.reader.dialogues import line

Later = tuple[float, bytes]
"""Seconds from now, and what is written then."""

GRACE = 5.0
"""Seconds in which shares of jobs before a clean one are still accepted."""

FORMS: dict[str, Sequence[dict[str, object]]] = {
    "stale": [
        {"result": None, "error": [21, "Job not found", None]},
        {"result": False, "error": None, "reject-reason": "Stale"},
        {"result": False, "error": "Invalid JobID"},
        {"error": {"code": 21, "message": "job not found"}},
    ],
    "duplicate": [
        {"result": False, "error": [22, "Duplicate share", None]},
        {"result": False, "error": None, "reject-reason": "Duplicate"},
    ],
    "low_difficulty": [
        {"result": None, "error": [23, "Low difficulty share", None]},
        {"result": False, "error": [20, "high-hash", None]},
        {"result": False, "error": None, "reject-reason": "Above target"},
    ],
    "unauthorized": [
        {"result": None, "error": [24, "Unauthorized worker", None]},
        {"result": False, "error": "Worker mismatch"},
    ],
    "other": [
        {"result": None, "error": None},
        {"result": False},
        {"result": False, "error": [20, "Other/Unknown", None]},
        {"result": False, "error": None, "reject-reason": "Ntime out of range"},
    ],
}


@dataclass(slots=True)
class Books:
    """What a pool itself has counted, by the miner's number and worker."""

    accepted: Counter[tuple[int, str]] = field(default_factory=Counter)
    work: Counter[tuple[int, str]] = field(default_factory=Counter)
    rejected: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By the miner's number and reason."""
    unanswered: int = 0

    @property
    def shares(self) -> int:
        return self.accepted.total() + self.rejected.total() + self.unanswered

    def of(self, numbers: Container[int]) -> "Books":
        """Those of some miners only."""
        accepted, work, rejected = (
            Counter({key: count for key, count in one.items() if key[0] in numbers})
            for one in (self.accepted, self.work, self.rejected)
        )
        return Books(accepted, work, rejected)

    def rejected_by(self) -> dict[str, int]:
        sums = Counter(dict.fromkeys(FORMS, 0))
        for (_, reason), count in self.rejected.items():
            sums[reason] += count
        return dict(sums)


class PoolSession:
    """The pool's end of one connection."""

    def __init__(self, number: int, books: Books, random: Random, *, in_order: bool) -> None:
        self.number = number
        """That of the connection, until its first worker is there, whose name has the miner's."""
        self._books = books
        self._random = random
        self._in_order = in_order
        """Whether it answers everything, at once: needed where a miner uses one id for all."""
        self._difficulty = 1.0
        self._jobs: dict[str, tuple[float, float]] = {}
        """The difficulty of each job that counts, and until when it does."""
        self._job = 0
        self.workers: set[str] = set()
        """Those that it has accepted."""
        self._seen: set[tuple[str, str, str]] = set()
        self._requests = 0

    def work(self, now: float, *, clean: bool = False) -> bytes:
        """Announce a job, perhaps of another difficulty."""
        told = b""
        if self._random.random() < 0.4 or not self._job:
            self._difficulty = 2.0 ** self._random.randint(-10, 20)  # whose sums are exact
            told = self._tell("mining.set_difficulty", self._difficulty)
        if clean:
            self._jobs = {
                job: (difficulty, min(until, now + GRACE))
                for job, (difficulty, until) in self._jobs.items()
                if until > now
            }
            self._seen.clear()
        self._job += 1
        job = f"{self.number:x}-{self._job:x}"
        self._jobs[job] = self._difficulty, float("inf")
        return told + self._tell("mining.notify", job, "00" * 32, [], "1703", "6530", clean)

    def disturb(self) -> bytes:
        """Say something that is no answer."""
        self._requests += 1
        version = line(id=self._requests, method="client.get_version", params=[])
        return self._random.choice([
            version, self._tell("client.show_message", "hi"), b"\r\n", b"no json\n", b"[]\n",
            line(id=10**9, result=True, error=None), self._tell("mining.set_extranonce", "08", 4),
        ])  # fmt: skip

    def receive(self, data: bytes, now: float) -> Iterator[Later]:
        try:
            message = json.loads(data)
        except ValueError:
            return
        match message:
            case {"method": "mining.subscribe", "id": id_}:
                yield 0.0, line(id=id_, result=[[], "08000002", 4], error=None)
                yield 0.0, self.work(now, clean=True)
            case {"method": "mining.authorize", "id": id_, "params": [str(worker), *_]}:
                is_known = not worker.startswith("wrong")
                if is_known:
                    self.number = number_of(worker) if not self.workers else self.number
                    self.workers.add(worker)
                yield 0.0, line(id=id_, result=is_known, error=None)
            case {"method": "mining.suggest_difficulty", "id": id_}:
                said = {"method": "mining.set_difficulty", "params": [self._difficulty]}
                yield 0.0, line(id=self._random.choice([id_, None]), **said)
            case {"method": "mining.submit", "id": id_, "params": [_, _, _, _, _] as params}:
                yield from self._judge(id_, params, now)

    def _judge(self, id_: object, params: list[str], now: float) -> Iterator[Later]:
        worker, job, *rest = params
        share = worker, job, rest[-1]
        difficulty, until = self._jobs.get(job, (0.0, 0.0))
        chance = self._random.random()
        if not self._in_order and chance < 0.01:
            self._books.unanswered += 1
            return
        reason = None
        if worker not in self.workers:
            reason = "unauthorized"
        elif until <= now:
            reason = "stale"
        elif share in self._seen:
            reason = "duplicate"
        elif chance < 0.03:
            reason = "low_difficulty"
        elif chance < 0.04:
            reason = "other"
        late = 0.0 if self._in_order else self._random.choice([0.0, 0.0, 0.0, 0.3, 2.0])
        if reason is not None:
            self._books.rejected[self.number, reason] += 1
            yield late, line(id=id_, **self._random.choice(FORMS[reason]))
            return
        self._seen.add(share)
        self._books.accepted[self.number, worker] += 1
        self._books.work[self.number, worker] += difficulty  # type: ignore[assignment]  # a float
        yield late, line(id=id_, result=True, error=None)

    @staticmethod
    def _tell(method: str, *params: object) -> bytes:
        return line(id=None, method=method, params=list(params))


class MinerSession:
    """The miner's end of one connection."""

    def __init__(self, number: int, random: Random, *, one_id: bool) -> None:
        self._random = random
        self._one_id = one_id
        self._ids = 0
        self._nonces = 0
        self._jobs: list[str] = ["never announced"]
        self._last: tuple[str, ...] = ()
        self.workers = [f"bc1q{number}.w{worker}" for worker in range(random.choice([1, 1, 1, 3]))]

    def begin(self) -> bytes:
        return b"".join(
            [
                self._ask("mining.subscribe", "cgminer/4.11.1"),
                *(self._ask("mining.authorize", one, "hunter2") for one in self.workers),
                self._ask("mining.suggest_difficulty", 512),
            ]
        )

    def submit(self) -> bytes:
        chance = self._random.random()
        self._nonces += 1
        worker = self._random.choice(self.workers)
        # Shares of the job before come in just after a new one.
        job = self._random.choice(self._jobs[-3:]) if chance < 0.3 else self._jobs[-1]
        share: tuple[str, ...] = worker, job, "00000000", "6530d1b7", f"{self._nonces:08x}"
        if chance < 0.02 and self._last:
            share = self._last
        elif chance < 0.03:
            share = ("wrong.w", *share[1:])
        elif chance < 0.04:
            share = (worker, self._random.choice(self._jobs), *share[2:])
        self._last = share
        return self._ask("mining.submit", *share)

    def receive(self, data: bytes) -> Iterator[bytes]:
        try:
            message = json.loads(data)
        except ValueError:
            return
        match message:
            case {"method": "mining.notify", "params": [str(job), *_]}:
                self._jobs.append(job)
                del self._jobs[1:-50]
            case {"method": "client.get_version", "id": id_}:
                yield line(id=id_, result="cgminer/4.11.1", error=None)

    def _ask(self, method: str, *params: object) -> bytes:
        self._ids += 1
        id_: object = self._ids
        if self._one_id:
            id_ = 4
        elif self._ids % 7 == 0:
            id_ = f"s{self._ids}"
        return line(id=id_, method=method, params=list(params))


def number_of(worker: str) -> int:
    """Which miner it is: 12 for `bc1q12.w0`."""
    return int(worker.partition(".")[0].removeprefix("bc1q"))


def assert_equal(snapshot: MinerSnapshot, counts: Counts, books: Books) -> None:
    """The tap's rows and totals against the pool's books."""
    assert_rows(snapshot, books)
    assert_totals(snapshot, books)
    for reason in FORMS:
        assert counts.verdicts[Verdict(reason)] == books.rejected_by()[reason]


def assert_totals(snapshot: MinerSnapshot, books: Books) -> None:
    """The tap's totals against the pool's books of all miners."""
    totals = snapshot["totals"]
    assert totals["shares_submitted"] == books.accepted.total()
    assert totals["work"] == sum(books.work.values())
    assert totals["shares_rejected_by"] == books.rejected_by()


def assert_rows(snapshot: MinerSnapshot, books: Books) -> None:
    """The tap's rows against the pool's books of the miners that are there."""
    rows = snapshot["miners"]
    accepted = {key: count for key, count in books.accepted.items() if count}
    named = {(number_of(row["name"]), row["name"]): row for row in rows}
    assert len(named) == len(rows)
    assert {key: row["shares_submitted"] for key, row in named.items()
            if row["shares_submitted"]} == accepted  # fmt: skip
    assert {key: row.get("work") for key, row in named.items() if row.get("work")} == books.work
    rejected: Counter[tuple[int, str]] = Counter()
    for (number, _), row in named.items():
        for reason, times in row.get("shares_rejected_by", {}).items():
            rejected[number, reason] += times
    assert rejected == books.rejected
