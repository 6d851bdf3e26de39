"""What senders say that are well, and what each says that is in one trouble of its own."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from stats_feed.health import Health, HealthServer
from stats_feed.tap.books.counts import Counts, UpstreamFailure
from stats_feed.tap.books.families import families
from tests.e2e.harness.rust import jds_snapshot, pool_status, proxy_row
from tests.e2e.harness.wire import Sender, connected, line
from tests.support.servers import LOOPBACK

INTERVAL = 600.0
"""One snapshot stays fresh for the whole test."""

EXPIRED_SECONDS = 12.0
SHARED = "127.0.0.9"
"""An address behind which a pool and a job declarator are one source."""

UPSTREAM = "pool.example:3333"
"""The pool of a tap."""

DAY_SECONDS, HOUR_SECONDS, STEP_SECONDS = 86_400, 3_600, 240
AGO_SECONDS = 360
"""When the day before ended: so long that nothing of it is taken for now."""

BIG = 9e14
LONG_AGO = 1_700_000_000
"""When the sessions of miners began that stay, in unix seconds."""

HOURLY = "hashrate_hashes_per_second:avg1h_every1h"


def past(proxy: str, pool: str) -> str:
    """A day before the test, in OpenMetrics; the arguments are the values of `instance`."""
    now = int(time.time()) - AGO_SECONDS
    steps, hours = range(now - DAY_SECONDS, now, STEP_SECONDS), range(1, 24)
    scraped = {
        "up": [f'job="stats-proxy",instance="{one}"' for one in "abc"],
        "stats_gateway_source_up": [
            'job="stats-proxy",instance="a",source="old"',
            *(f'job="stats-pool",instance="a",source="old-{number}"' for number in range(30)),
        ],
    }
    drops = f'job="stats-proxy",instance="{proxy}",source="drops"'
    one = f'job="stats-proxy",instance="{proxy}",source="one-drops"'
    recorded = {
        f"source:stratum_proxy_{HOURLY}": {drops: 1e15, one: 1e15},
        f"source_name:stratum_proxy_{HOURLY}": {f'{one},name="one-drops.1"': 1e14},
        f"source:stratum_pool_{HOURLY}": {
            f'job="stats-pool",instance="{pool}",source="drops"': 1e15
        },
    }
    lines = []
    for name, series in scraped.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{{{labels}}} 1 {at}" for labels in series for at in steps]
    for name, values in recorded.items():
        lines.append(f"# TYPE {name} gauge")
        for labels, value in values.items():
            ago = [now - hour * HOUR_SECONDS for hour in reversed(hours)]
            lines += [f"{name}{{{labels}}} {value} {at}" for at in ago]
    return "\n".join([*lines, "# EOF", ""])


class Feed:
    """What a feed tells of itself: of a source that it reads, one that stays the same, a tap."""

    def __init__(self, stack: ExitStack) -> None:
        health = Health("1")
        self._unread, self._same = (health.add_source(name) for name in ("unread", "the-same"))
        for source in (self._unread, self._same):
            source.succeeded(time.time(), 0.1)
            source.last_change, source.rows = time.time(), 1
        self._tap = Counts()
        health.add_families(partial(families, self._tap, source="tapped", upstreams=[UPSTREAM]))
        self.web = stack.enter_context(HealthServer((LOOPBACK, 0), health)).address[1]

    def fall_ill(self) -> None:
        """One cannot be read any more, the other one has told the same for long, the tap's pool is
        gone, and it had sent miners elsewhere."""
        self._unread.failed("unreachable")
        self._same.last_change = time.time() - 1000
        self._tap.upstream_failures[UPSTREAM, UpstreamFailure.REFUSED] += 1
        self._tap.redirects += 1


def miner(name: str, shares: int = 90, **fields: object) -> dict[str, object]:
    now = int(time.time())
    row = {"downstream_id": sum(name.encode()), "name": name, "address": None, "hashrate": 1e14}
    return {
        **row,
        "shares_submitted": shares,
        "connected_at": LONG_AGO,
        "last_share_at": now,
        **fields,
    }


def miners(*rows: dict[str, object], **fields: object) -> dict[str, object]:
    return {"MinerSnapshot": {"miners": rows, "timestamp": int(time.time()), **fields}}


def connections(*types: str, **fields: object) -> dict[str, object]:
    now = int(time.time())
    rows = [
        {"downstream_id": row, "connection_type": kind, "hashrate": 1e14, "shares_submitted": 0}
        | {"channels": [], "connected_at": now - 60, "quotes_created": None, "ehash_mined": None}
        | fields
        for row, kind in enumerate(types)
    ]
    return {"ConnectionSnapshot": {"connections": rows, "timestamp": now}}


class Senders:
    """One connection for each source, kept open."""

    def __init__(self, stack: ExitStack, port: int) -> None:
        self._stack, self._port = stack, port
        self._open: dict[str, Sender] = {}

    def say(self, source: str, message: dict[str, object]) -> None:
        if source not in self._open:
            self._open[source] = self._stack.enter_context(connected(self._port))
            self._open[source].hello(source, interval=INTERVAL)
        self._open[source].say(message)


def healthy_translators(proxy: Senders, shares: int) -> None:
    """Everything as it should be, but for the one whose shares stand still."""
    for source in ("empties", "loses-one", "old-place", "no-upstream"):
        big = miner(f"{source}.1", shares, hashrate=BIG)
        proxy.say(source, miners(big, miner(f"{source}.2", shares)))
    proxy.say("new-place", miners(miner("new-place.1", shares)))
    proxy.say("stands-still", miners(miner("stands-still.1", 0)))
    for source in ("skewed", "rejects", "idle", "reconnects"):
        one = miner(f"{source}.1", shares, shares_rejected=0)
        proxy.say(source, miners(one, miner("mate", shares)))
    wallet = {"balance": 7, "quotes_created": 1}
    proxy.say("unpaid", miners(miner("unpaid.1", shares), wallet=wallet))


def healthy_pools(pool: Senders) -> None:
    """The same."""
    for source in ("no-translator", "no-mint", "no-declarator", "rejects"):
        pool.say(source, connections("Translator", "Mint", "Job Declarator", shares_rejected=0))


def ill(proxy: Senders, pool: Senders) -> None:
    """Each source in the one trouble that it is named after."""
    proxy.say("empties", miners())
    proxy.say("loses-one", miners(miner("loses-one.1", 200, hashrate=BIG)))
    proxy.say("old-place", miners(miner("old-place.1", 200, hashrate=BIG)))
    proxy.say("new-place", miners(miner("new-place.1", 200), miner("old-place.2")))
    upstream = {"address": "pool.example:3333", "connected": False}
    proxy.say("no-upstream", miners(miner("no-upstream.1", 200), upstream=upstream))
    skewed = {
        "miners": [miner("skewed.1", 900), miner("mate", 900)],
        "timestamp": int(time.time()) - 120,
    }
    proxy.say("skewed", {"MinerSnapshot": skewed})
    rejects = miner("rejects.1", 900, shares_rejected=300)
    proxy.say("rejects", miners(rejects, miner("mate", 900)))
    proxy.say("unpaid", miners(miner("unpaid.1", 900), wallet={"balance": 7, "quotes_created": 9}))
    hangs = miner("idle.1", 1, last_share_at=int(time.time()) - 2000)
    proxy.say("idle", miners(hangs, miner("mate", 900)))
    pool.say("no-translator", connections("Mint", "Job Declarator"))
    pool.say("no-mint", connections("Translator", "Job Declarator"))
    pool.say("no-declarator", connections("Translator", "Mint"))
    bad = {"shares_submitted": 900, "shares_rejected": 300}
    pool.say("rejects", connections("Translator", "Mint", "Job Declarator", **bad))
    pool.say("hides", connections("Translator", "Translator", "Mint", "Job Declarator"))


def go_on(proxy: Senders, pool: Senders, since: float) -> None:
    """What shows only while shares arrive: some seconds of mining since that time."""
    seconds = int(time.time() - since)
    few, many = seconds, seconds * 100
    proxy.say("drops", miners(miner("drops.1", many), miner("drops.2", many)))
    weak, strong = {"hashrate": 1e13}, {"hashrate": BIG}
    proxy.say("one-drops", miners(miner("one-drops.1", many, **weak), miner("b", many, **strong)))
    proxy.say("uncredited", miners(miner("uncredited.1", many, device={"hashrate": BIG})))
    bad = miner("bad", few * 10, shares_rejected=few * 3)
    proxy.say("one-rejects", miners(bad, miner("good", many, shares_rejected=0)))
    stale = {"stale": seconds * 4, "other": 0}
    proxy.say("one-reason", miners(miner("one-reason.1", many, shares_rejected_by=stale)))
    pool.say("drops", connections("Translator", "Job Declarator", shares_submitted=many))
    session = int(time.time())
    rows = [miner("reconnects.1", session, connected_at=session), miner("mate", session)]
    proxy.say("reconnects", miners(*rows))
    proxy.say("reconnects", miners(miner("negative", session, hashrate=-1.0), *rows))


def misbehave(port: int) -> None:
    """As a sender of the time before snapshots, and eight of nonsense."""
    with connected(port, line) as sender:
        sender.say({"type": "ShareSubmitted", "downstream_id": 1, "timestamp": 1})
    for _ in range(8):
        with connected(port, line) as sender:
            sender.say(*[{"Nonsense": {}}] * 16)
            sender.wait_for_end()


def half_lost(port: int) -> Iterator[None]:
    """A pool that ends beside a job declarator that still sends from the same address."""
    with connected(port, line, address=SHARED) as declarator:
        with connected(port, line, address=SHARED) as pool:
            pool.say(pool_status(proxy_row(1), timestamp=int(time.time())))
            yield
        while True:
            declarator.say(jds_snapshot(int(time.time())))
            yield


def half_heard(replica: int) -> None:
    """A source that reaches both replicas leaves the one whose port that is."""
    with connected(replica) as sender:
        sender.hello("stands-still", interval=INTERVAL)
        sender.say(miners(miner("stands-still.1", 0)))


def ends(port: int) -> None:
    """A source that comes once."""
    with connected(port) as sender:
        sender.hello("ends", interval=INTERVAL)
        sender.say(connections("Translator", "Mint"))


def come_and_go(port: int, stays: Senders) -> Iterator[None]:
    """A feed that is lost three times and stays then, and a source that ends after its first."""
    for round_ in range(3):
        for source in ("flaps", *(("ends",) if round_ == 0 else ())):
            with connected(port) as sender:
                sender.hello(source, interval=INTERVAL)
                sender.say(miners(miner(f"{source}.1", hashrate=None)))
                yield
        until = time.monotonic() + EXPIRED_SECONDS  # rows outlive their connection
        while time.monotonic() < until:
            yield
    while True:
        stays.say("flaps", miners(miner("flaps.1", int(time.time()))))
        yield
