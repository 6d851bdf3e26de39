"""What the feed sends equals what the programs know, through random sequences of what goes wrong.

Miners and clients come, go, work and are refused; lists are torn by refreshes, programs fall back
and number everybody anew, answers fail, numbers are null. The oracle adds up what it was *told* by
the marks in the answers, which no reader knows: it needs neither ids nor names nor uptimes.
"""

import json
from dataclasses import dataclass, field
from random import Random

import pytest

from stats_feed.polling import ReadError, WrongSourceError
from stats_feed.sri.api.reading import Answer, Reading, read
from stats_feed.sri.pool import Pool as PoolFeed
from stats_feed.sri.sessions import Moment
from stats_feed.sri.translator import Translator as TranslatorFeed
from stats_gateway.sender import ConnectionInfo, ConnectionType, MinerInfo, Totals
from tests.stats_feed.sri.programs import (
    CODES,
    LINES,
    UID,
    Json,
    Peer,
    Pool,
    Program,
    Translator,
    Version,
    drive,
)

SEQUENCES, BATCHES = 500, 10  # for each kind of program
STEPS = 30
NAMES = ("farm.a", "farm.a", "farm.b", "", "rig ⛏")
NULLABLE = ("validated_work_sum", "share_work_sum", "hashrate", "nominal_hashrate")

Told = dict[str, float]
"""By `accepted`, `rejected`, `work`: what an answer tells; what it does not tell is absent."""


def told_by(row: Json) -> Told:
    """What one channel's row tells, in words of ours."""
    told: dict[str, object] = {"accepted": row.get("shares_accepted")}
    if "shares_submitted" in row:
        refused = row.get("shares_rejected", 0)
        refused = sum(refused.values()) if isinstance(refused, dict) else refused
        sent = row["shares_submitted"]
        assert isinstance(sent, int)
        assert isinstance(refused, int)
        # Where the version does not tell the refused ones, all that were sent are taken.
        told = {"accepted": sent - refused, "work": row.get("validated_work_sum")}
    else:
        told["work"] = row.get("share_work_sum")
    rejected = row.get("shares_rejected")
    told["rejected"] = sum(rejected.values()) if isinstance(rejected, dict) else rejected
    return {key: value for key, value in told.items() if isinstance(value, int | float)}


@dataclass
class Account:
    """What a row or everything together was told, by line."""

    lines: dict[int, Told] = field(default_factory=dict)
    baseline: dict[int, Told] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def sum(self, key: str) -> float:
        return sum(told.get(key, 0) for told in self.lines.values()) - sum(
            told.get(key, 0) for told in self.baseline.values()
        )


class Oracle:
    """Adds up what was served, and compares it with what the feed sends."""

    def __init__(self) -> None:
        self.served: dict[str, dict[int, Json]] = {}
        self.rows: dict[int, Account] = {}
        self.all = Account(known={"accepted", "rejected", "work"})
        self.uid_of_number: dict[int, int] = {}
        self.before: dict[tuple[int, str], float] = {}
        self.last_told: dict[int, Told] = {}

    def serve(self, target: str, body: bytes) -> None:
        """Note what an answer tells; a list that is begun again replaces what it told before."""
        path, _, query = target.partition("?")
        if "offset=0&" in query:
            self.served[path] = {}
        answer = json.loads(body)
        for key in ("items", "extended_channels", "standard_channels"):
            for row in answer.get(key, ()):
                self.served[path][row[UID]] = row

    def lines_now(self) -> dict[int, Told]:
        return {
            uid: told_by(row)
            for path, rows in self.served.items()
            if path.endswith("/channels")
            for uid, row in rows.items()
        }

    def take(self, lines_of: dict[int, list[int]], *, was_there: bool) -> None:
        """Take in a reading that succeeded: the lines of each row, by uid."""
        now = self.lines_now()
        for uid, told in now.items():
            before = self.last_told.setdefault(uid, {})
            if was_there:
                self.all.baseline[uid] = dict(told)
            elif uid in self.all.baseline:
                for key in told.keys() - before.keys():
                    self.all.baseline[uid][key] = told[key]  # it was there, but did not tell this
            before |= told
        self.all.lines = self.last_told
        if now:
            self.all.known = set.intersection(*(set(told) for told in now.values()))
        for uid, lines in lines_of.items():
            account = self.rows.setdefault(uid, Account())
            present = [line for line in lines if line in now]
            for line in present:
                account.lines[line] = self.last_told[line]
            if present:
                account.known = set.intersection(*(set(now[line]) for line in present))

    def check_row(self, uid: int, row: MinerInfo | ConnectionInfo) -> None:
        """Compare one row of a snapshot with its account."""
        number = row["downstream_id"]
        assert self.uid_of_number.setdefault(number, uid) == uid, "another miner's number"
        account = self.rows[uid]
        sent = {
            "accepted": row["shares_submitted"],
            "rejected": row.get("shares_rejected"),
            "work": row.get("work"),
        }
        for key, value in sent.items():
            if key not in account.known:
                assert value is None, f"{key} is unknown"
                continue
            assert value == pytest.approx(account.sum(key)), key
            assert value is not None
            assert value >= self.before.get((number, key), 0), f"{key} fell"
            self.before[number, key] = value

    def check_totals(self, totals: Totals) -> None:
        """Compare the totals with all accounts."""
        for key, value in (
            ("accepted", totals.get("shares_submitted")),
            ("rejected", totals.get("shares_rejected")),
            ("work", totals.get("work")),
        ):
            if key not in self.all.known:
                assert value is None, f"the total of {key} is unknown"
                continue
            assert value == pytest.approx(self.all.sum(key), abs=1e-9), key
            assert value is not None
            assert value >= self.before.get((-1, key), 0), f"the total of {key} fell"
            self.before[-1, key] = value


class Scene:
    """A program in which random things happen, and the feed's readings of it."""

    def __init__(self, program: Program, random: Random) -> None:
        self.program = program
        self.random = random
        self.oracle = Oracle()
        self.now = 10_000.0
        self.feed_started = self.now
        self.readings = 0
        program.max_limit = random.choice([2, 3, 100])
        program.uptime = random.choice([0.0, 3.0, 5000.0])

    def act(self) -> None:
        """Let something happen."""
        program, random = self.program, self.random
        peers = list(program.peers.values())
        match random.randrange(12):
            case 0 | 1 if len(peers) < 8:
                has_channel = random.random() < 0.8
                # Without a name and a channel it would be no miner for ten seconds.
                peer = program.connect(random.choice(NAMES) if has_channel else "farm.c")
                if has_channel:
                    program.open_channel(peer)
            case 2 if peers:
                program.leave(random.choice(peers))
            case 3 if random.random() < 0.25:
                program.restart()
            case 4 if peers:
                self.change_channels(random.choice(peers))
            case 5:
                program.nulls = set(random.sample(NULLABLE, random.randrange(3)))
            case _ if peers:
                self.work(random.choice(peers))

    def change_channels(self, peer: Peer) -> None:
        if not peer.lines:
            self.program.open_channel(peer)
        elif isinstance(self.program, Pool) and self.random.random() < 0.5:
            self.program.close_channel(peer)
        elif isinstance(self.program, Pool):
            self.program.open_channel(peer)

    def work(self, peer: Peer) -> None:
        for line in peer.lines:
            for _ in range(self.random.randrange(6)):
                line.share(self.random.choice([0.001, 1.0, 4096.0]))
            if self.random.random() < 0.3:
                line.refuse(self.random.choice(CODES))

    def answer(self, target: str) -> Answer:
        answered = self.program.answer(target)
        told_by_metrics = self.program.in_metrics if isinstance(self.program, Pool) else {}
        match self.random.randrange(80):
            case 0:
                return Answer(self.random.choice([500, 503]), b"")
            case 1:
                cut = max(len(answered.body) // 2, 1)
                return Answer(200, answered.body[:cut].rstrip(b"\n"))
            case 2 | 3:
                for _ in range(self.random.randrange(4)):
                    self.act()
                self.program.refresh()  # between two requests of one reading
        if answered.status == 200 and target == "/metrics":
            self.oracle.served |= told_by_metrics
        elif answered.status == 200:
            self.oracle.serve(target, answered.body)
        return answered

    def poll(self) -> None:
        """Some seconds pass, then the feed reads; a reading that fails changes nothing."""
        seconds = self.random.choice([2.0, 10.0, 10.0, 60.0])
        self.now += seconds
        self.program.uptime += seconds
        self.program.refresh()
        self.oracle.served = {}
        started = self.now - self.program.uptime
        try:
            reading = drive(read(self.random.choice([2, 50])), self.answer)
        except (ReadError, WrongSourceError):
            return
        was_there = self.readings == 0 and started - 1 <= self.feed_started
        self.readings += 1
        moment = Moment(unix=1.7e9 + self.now, monotonic=self.now, answered=self.now)
        self.check(reading, moment, was_there=was_there)

    def check(self, reading: Reading, now: Moment, *, was_there: bool) -> None:
        raise NotImplementedError


class TranslatorScene(Scene):
    """A translator, of any version, aggregating or not."""

    def __init__(self, random: Random) -> None:
        self.is_aggregated = random.random() < 0.2
        version = random.choice(list(Version))
        super().__init__(Translator(version, aggregated=self.is_aggregated), random)
        self.feed = TranslatorFeed(self.feed_started, redact_ip=False, upstream=None)

    def check(self, reading: Reading, now: Moment, *, was_there: bool) -> None:
        snapshot = self.feed.snapshot(reading, now)
        miners = self.oracle.served["/api/v1/sv1/clients"]
        by_id = {row["client_id"]: uid for uid, row in miners.items()}
        assert [miner.client_id for miner in reading.miners] == list(by_id)
        lines = {} if self.is_aggregated else {uid: row[LINES] for uid, row in miners.items()}
        accounts = {uid: lines.get(uid, []) for uid in miners}
        self.oracle.take(accounts, was_there=was_there)  # type: ignore[arg-type]  # from JSON
        for miner, row in zip(reading.miners, snapshot["miners"], strict=True):
            assert row["name"] == (miner.name or f"client-{miner.client_id}")
            self.oracle.check_row(by_id[miner.client_id], row)
        self.oracle.check_totals(snapshot["totals"])


class PoolScene(Scene):
    """A pool or a JD client, of any version."""

    def __init__(self, random: Random) -> None:
        version = random.choice(list(Version))
        pool = Pool(version, has_server=random.random() < 0.3, tells_work=random.random() < 0.5)
        super().__init__(pool, random)
        self.feed = PoolFeed(
            self.feed_started, unknown_type=ConnectionType.TRANSLATOR, redact_ip=False
        )

    def check(self, reading: Reading, now: Moment, *, was_there: bool) -> None:
        snapshot, _ = self.feed.snapshots(reading, now)
        clients = self.oracle.served["/api/v1/clients"]
        by_id = {row["client_id"]: uid for uid, row in clients.items()}
        # `/metrics` is newer than the list, and may tell of clients that the list has not yet.
        paths = {f"/api/v1/clients/{id_}/channels" for id_ in by_id}
        self.oracle.served = {path: self.oracle.served.get(path, {}) for path in paths}
        accounts = {
            uid: list(self.oracle.served.get(f"/api/v1/clients/{id_}/channels", {}))
            for id_, uid in by_id.items()
        }
        self.oracle.take(accounts, was_there=was_there)
        assert len(snapshot["connections"]) == len(reading.clients)
        for client, row in zip(reading.clients, snapshot["connections"], strict=True):
            self.oracle.check_row(by_id[client.client_id], row)
        self.oracle.check_totals(snapshot["totals"])


@pytest.mark.parametrize(
    "batch", [0, 1, *(pytest.param(batch, marks=pytest.mark.slow) for batch in range(2, BATCHES))]
)
@pytest.mark.parametrize("scene", [TranslatorScene, PoolScene])
def test_every_row_and_total_is_what_the_program_told_of_it(
    scene: type[TranslatorScene] | type[PoolScene], batch: int
) -> None:
    for sequence in range(SEQUENCES // BATCHES):
        random = Random(f"{batch} {sequence}")
        one = scene(random)
        for step in range(STEPS):
            for _ in range(random.randrange(4)):
                one.act()
            try:
                one.poll()
            except AssertionError as error:
                raise AssertionError(f"{batch} {sequence}, step {step}: {error}") from error
