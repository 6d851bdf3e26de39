"""A simulated fleet of miners keeps its own books, beside what Prometheus scrapes of it.

Time goes in whole seconds. Every miner does exactly its hashrate's work, so that the truth of any
window is a difference of two sums.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

SCRAPE_SECONDS = 5
SCRAPE_PHASE = 2
"""Scrapes are off the times of evaluation, so that a window has the same ones, open or closed."""

SNAPSHOT_SECONDS = 10
WINDOW_SECONDS = 300
CLOSED_SECONDS = 10
"""How long the service keeps the rows of a sender whose connection is closed."""

SHARES_PER_MINUTE = 6
"""What vardiff aims at."""

SKEW_SECONDS = 7
"""How far the sender's clock is ahead of the service's."""

LABELS = 'job="stats-proxy",instance="a"'

Span = tuple[int, int]
"""Seconds from the first to before the second."""


@dataclass(frozen=True, slots=True)
class Accidents:
    """When which part is away, in seconds since the start."""

    sender: tuple[Span, ...] = ()
    feed: tuple[Span, ...] = ()
    """Mining goes on, and no snapshot reaches the service."""
    service: tuple[Span, ...] = ()
    prometheus: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one source."""

    source: str
    miners: int = 40
    churn_per_minute: float = 0.0
    reconnects_per_minute: float = 0.0
    totals: bool = True
    rows: bool = True
    accidents: Accidents = Accidents()


@dataclass(slots=True)
class Session:
    """One connection of one miner."""

    name: str
    hashrate: float
    since: int
    shares: int = 0
    last_share: int = 0

    def mine(self, now: int, random: Random) -> None:
        """One second: a share by luck."""
        if random.random() < SHARES_PER_MINUTE / 60:
            self.shares, self.last_share = self.shares + 1, now

    def work(self, now: int) -> float:
        return self.hashrate * (now - self.since)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the sender said last."""

    at: int
    rows: Mapping[int, tuple[Session, float]]
    """Each session as it was, and its work."""
    work: float


@dataclass(slots=True)
class Fleet:
    """The miners of one translator, second by second."""

    plan: Plan
    random: Random
    sessions: dict[int, Session] = field(default_factory=dict)
    waiting: list[tuple[int, str, float]] = field(default_factory=list)
    """Who comes when: the second, the name, the hashrate."""
    done: list[float] = field(default_factory=lambda: [0.0])
    """The work done up to the start of each second, by the books."""
    ended: float = 0.0
    """The work of sessions that ended since the sender started."""
    told: int = 0
    """When the last snapshot was sent. What a sender did after the last one before it died is known
    to nobody, so the books leave that out."""

    next_row: int = 1
    next_name: int = 1

    def __post_init__(self) -> None:
        for _ in range(self.plan.miners):
            self._expect(0)

    def _expect(self, at: int) -> None:
        self.waiting.append((at, f"rig{self.next_name}", self.random.lognormvariate(0, 0.5) * 1e14))
        self.next_name += 1

    def live(self, now: int) -> bool:
        """Lets the second `now` begin; whether the miners changed."""
        before = set(self.sessions)
        if is_in(now, self.plan.accidents.sender):
            if before:
                self.done[self.told :] = [self.done[self.told]] * (now + 1 - self.told)
            for row in before:
                self._leave(row, now, back=None)
            self.ended, self.next_row = 0.0, 1
            self.waiting = [(max(at, now + 1), name, rate) for at, name, rate in self.waiting]
        else:
            for row in before:
                if self._happens(self.plan.churn_per_minute):
                    self._leave(row, now, back=None)
                    self.waiting.pop()
                    self._expect(now + self.random.randint(1, 20))
                elif self._happens(self.plan.reconnects_per_minute):
                    self._leave(row, now, back=now + self.random.randint(1, 20))
            for arrival in [one for one in self.waiting if one[0] <= now]:
                self.waiting.remove(arrival)
                self.sessions[self.next_row] = Session(arrival[1], arrival[2], now)
                self.next_row += 1
        for session in self.sessions.values():
            session.mine(now, self.random)
        self.done.append(self.done[-1] + sum(one.hashrate for one in self.sessions.values()))
        return before != set(self.sessions)

    def _happens(self, per_minute: float) -> bool:
        return self.random.random() < per_minute / 60 / self.plan.miners

    def _leave(self, row: int, now: int, back: int | None) -> None:
        session = self.sessions.pop(row)
        self.ended += session.work(now)
        at = now + self.random.randint(1, 20) if back is None else back
        self.waiting.append((at, session.name, session.hashrate))

    def snapshot(self, now: int) -> Snapshot:
        self.told = now
        rows = {row: (replace(one), one.work(now)) for row, one in self.sessions.items()}
        return Snapshot(now, rows, self.ended + sum(work for _, work in rows.values()))

    def mean(self, spans: Sequence[Span]) -> float | None:
        """The hashrate in these spans together, by the books; None where they are empty."""
        seconds = sum(end - start for start, end in spans)
        work = sum(self.done[end] - self.done[start] for start, end in spans)
        return work / seconds if seconds else None


@dataclass(slots=True)
class Scraped:
    """The series that one Prometheus has, in promtool's notation of one value a second."""

    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)

    def scrape(self, index: int, found: Mapping[str, float]) -> None:
        for name in self.present - found.keys():
            self.values[name].append((index, "stale"))
        for name, value in found.items():
            self.values.setdefault(name, []).append((index, repr(float(value))))
        self.present = set(found)

    def input_series(self) -> list[dict[str, str]]:
        return [{"series": name, "values": _notation(v)} for name, v in self.values.items()]


def _notation(values: Iterable[tuple[int, str]]) -> str:
    words, at = [], 0
    for index, value in values:
        if index > at:
            words.append(f"_x{index - at}")
        words.append(value)
        at = index + 1
    return " ".join(words)


def is_in(now: int, spans: Iterable[Span]) -> bool:
    return any(start <= now < end for start, end in spans)


def exposed(plan: Plan, snapshot: Snapshot, is_fresh: bool) -> dict[str, float]:
    """What the service shows of one source."""
    source = f'{LABELS},source="{plan.source}"'
    found: dict[str, float] = {
        f"stats_gateway_source_received_timestamp_seconds{{{source}}}": snapshot.at,
        f"stats_gateway_source_snapshot_timestamp_seconds{{{source}}}": snapshot.at + SKEW_SECONDS,
        f"stats_gateway_source_up{{{source}}}": float(is_fresh),
    }
    if not is_fresh:
        return found
    declared = sum(one.hashrate for one, _ in snapshot.rows.values())
    found[f"stats_gateway_downstreams{{{source}}}"] = len(snapshot.rows)
    found[f'stratum_proxy_miners{{{source},state="active"}}'] = len(snapshot.rows)
    found[f"stratum_proxy_hashrate_hashes_per_second{{{source}}}"] = declared
    if plan.totals:
        found[f"stratum_proxy_work_hashes_total{{{source}}}"] = snapshot.work
    for row, (one, work) in snapshot.rows.items() if plan.rows else ():
        labels = f'{source},downstream_id="{row}",name="{one.name}"'
        miner = "stratum_proxy_miner"
        found[f"{miner}_info{{{labels}}}"] = 1
        found[f"{miner}_work_hashes_total{{{labels}}}"] = work
        found[f"{miner}_shares_submitted_total{{{labels}}}"] = one.shares
        found[f"{miner}_shares_rejected_total{{{labels}}}"] = one.shares // 100
        if one.last_share:
            last = one.last_share + SKEW_SECONDS
            found[f"{miner}_last_share_timestamp_seconds{{{labels}}}"] = last
        found[f"{miner}_hashrate_hashes_per_second{{{labels}}}"] = one.hashrate
        connected = one.since + SKEW_SECONDS
        found[f"{miner}_connected_timestamp_seconds{{{labels}}}"] = connected
    return found


def known(plan: Plan, seen: Sequence[tuple[int, int]]) -> list[Span]:
    """The times of which scrapes tell, as `(second of the scrape, second of its snapshot)`.

    Totals tell of all from the first snapshot to the last, rows of nothing that no scrape saw.
    """
    if plan.totals:
        return [(seen[0][1], seen[-1][1])] if seen else []
    return [
        (a, b) for (first, a), (second, b) in pairwise(seen) if second - first == SCRAPE_SECONDS
    ]


def run(plan: Plan, seconds: int, seed: int) -> list[dict[str, str]]:
    """The input series of promtool for `seconds` of `plan`, its truth among them.

    `truth{window="5m"}` is the mean of the last 5 minutes as far as they could be known. Of a
    snapshot and a scrape in the same second either comes first, by luck.
    """
    fleet, scraped, luck = Fleet(plan, Random(seed)), Scraped(), Random(seed)
    snapshot: Snapshot | None = None
    seen: list[tuple[int, int]] = []  # when a scrape saw rows, and when their snapshot came
    away, was_heard = plan.accidents, False
    for now in range(seconds):
        changed = fleet.live(now)
        before = snapshot if was_heard else None
        heard = not (is_in(now, away.service) or is_in(now, away.sender) or is_in(now, away.feed))
        if is_in(now, away.service):
            snapshot = None
        elif heard and (changed or now % SNAPSHOT_SECONDS == 3 or not was_heard):
            snapshot = fleet.snapshot(now)
        was_heard = heard
        if now % SCRAPE_SECONDS != SCRAPE_PHASE or is_in(now, away.prometheus):
            continue
        if any(end <= now < end + SCRAPE_SECONDS for _, end in away.prometheus):
            scraped.present.clear()  # a Prometheus that starts has forgotten what to call stale
        found = {f"up{{{LABELS}}}": float(not is_in(now, away.service))}
        if shown := before if snapshot and before and luck.random() < 0.5 else snapshot:
            silent = 0 if heard else now - shown.at
            is_fresh = silent < CLOSED_SECONDS
            found |= exposed(plan, shown, is_fresh)
            if is_fresh:
                seen.append((now, shown.at))
            window = [one for one in seen if one[0] > now - WINDOW_SECONDS]
            truth = fleet.mean(known(plan, window))
            if is_fresh and truth is not None:
                labels = f'{LABELS},source="{plan.source}",window="5m"'
                found[f"truth{{{labels}}}"] = truth
        scraped.scrape(now, found)
    return scraped.input_series()
