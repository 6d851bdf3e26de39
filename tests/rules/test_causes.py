"""Each cause is brought about for real, and the alert that is meant for it arrives at a webhook."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from stats_feed.health import Health, HealthServer
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import Sender, connected, line
from tests.rules.alerting import LOOPBACK, Alerting, alerting
from tests.support.until import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TIMES = 60.0
"""A minute of waiting is a second."""

SEEN_SECONDS = 15.0
"""In which a healthy fleet is scraped and recorded; every recorded hour is a second here.

Prometheus begins to scrape 5 s after its start, 5 minutes here, so it misses both jobs at first.
"""

EXPIRED_SECONDS = 12.0
FIRED_SECONDS = 150.0
INTERVAL = 600.0
"""One snapshot stays fresh for the whole test."""

FIRES = {
    "StatsFeedDown": "unread",
    "StatsFeedStandsStill": "the-same",
    "StatsGatewayClockSkew": "skewed",
    "StatsGatewayConnectionsRefused": None,
    "StatsGatewayLegacySenders": None,
    "StatsGatewayMessagesRefused": None,
    "StatsGatewayServiceDown": None,
    "StatsGatewaySourceFlapping": "flaps",
    "StatsGatewaySourceStale": "ends",
    "StatsGatewayValuesDropped": None,
    "StatsGatewayWatchdog": None,
    "StratumPoolJobDeclaratorGone": "no-declarator",
    "StratumPoolMintGone": "no-mint",
    "StratumPoolNoTranslator": "no-translator",
    "StratumPoolRejectionsHigh": "rejects",
    "StratumProxyMinerFlapping": "reconnects",
    "StratumProxyMinerIdle": "idle",
    "StratumProxyMinerMoved": "old-place",
    "StratumProxyMinerVanished": "loses-one",
    "StratumProxyNoMiners": "empties",
    "StratumProxyRejectionsHigh": "rejects",
    "StratumProxySharesStandStill": "stands-still",
    "StratumProxyUpstreamDisconnected": "no-upstream",
    "StratumProxyWalletNotGrowing": "unpaid",
}
"""Which alert for which source; None where it is about a service. The others need hours."""


def miner(name: str, shares: int = 90, **fields: object) -> dict[str, object]:
    now = int(time.time())
    row = {"downstream_id": sum(name.encode()), "name": name, "address": None, "hashrate": 1e14}
    return {
        **row,
        "shares_submitted": shares,
        "connected_at": now - 3000,
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


class Feed:
    """What a feed tells of itself: of a source that it reads, and of one that stays the same."""

    def __init__(self, stack: ExitStack) -> None:
        health = Health("1")
        self._unread, self._same = (health.add_source(name) for name in ("unread", "the-same"))
        for source in (self._unread, self._same):
            source.succeeded(time.time(), 0.1)
            source.last_change, source.rows = time.time(), 1
        self.web = stack.enter_context(HealthServer((LOOPBACK, 0), health)).address[1]

    def fall_ill(self) -> None:
        """One cannot be read any more, and the other one has told the same for long."""
        self._unread.failed("unreachable")
        self._same.last_change = time.time() - 1000


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


def healthy(proxy: Senders, pool: Senders) -> None:
    """Everything as it should be."""
    for source in ("empties", "loses-one", "old-place", "no-upstream"):
        proxy.say(source, miners(miner(f"{source}.1"), miner(f"{source}.2")))
    proxy.say("new-place", miners(miner("new-place.1")))
    for source in ("skewed", "rejects", "stands-still", "unpaid", "idle", "reconnects"):
        proxy.say(source, miners(miner(f"{source}.1", 0, shares_rejected=0), miner("mate", 0)))
    proxy.say("unpaid", miners(miner("unpaid.1", 0), wallet={"balance": 7, "quotes_created": 1}))
    for source in ("no-translator", "no-mint", "no-declarator", "rejects"):
        pool.say(source, connections("Translator", "Mint", "Job Declarator", shares_rejected=0))


def ill(proxy: Senders, pool: Senders) -> None:
    """Each source in the one trouble that it is named after."""
    proxy.say("empties", miners())
    proxy.say("loses-one", miners(miner("loses-one.1", 200)))
    proxy.say("old-place", miners(miner("old-place.1", 200)))
    proxy.say("new-place", miners(miner("new-place.1", 200), miner("old-place.2")))
    upstream = {"address": "pool.example:3333", "connected": False}
    proxy.say("no-upstream", miners(miner("no-upstream.1", 200), upstream=upstream))
    skewed = {"miners": [miner("skewed.1", 900)], "timestamp": int(time.time()) - 120}
    proxy.say("skewed", {"MinerSnapshot": skewed})
    proxy.say("rejects", miners(miner("rejects.1", 900, shares_rejected=300)))
    proxy.say("unpaid", miners(miner("unpaid.1", 900), wallet={"balance": 7, "quotes_created": 9}))
    hangs = miner("idle.1", 0, last_share_at=int(time.time()) - 2000)
    proxy.say("idle", miners(hangs, miner("mate", 900)))
    pool.say("no-translator", connections("Mint", "Job Declarator"))
    pool.say("no-mint", connections("Translator", "Job Declarator"))
    pool.say("no-declarator", connections("Translator", "Mint"))
    bad = {"shares_submitted": 900, "shares_rejected": 300}
    pool.say("rejects", connections("Translator", "Mint", "Job Declarator", **bad))


def misbehave(port: int) -> None:
    """As a sender of the time before snapshots, and eight of nonsense."""
    with connected(port, line) as sender:
        sender.say({"type": "ShareSubmitted", "downstream_id": 1, "timestamp": 1})
    for _ in range(8):
        with connected(port, line) as sender:
            sender.say(*[{"Nonsense": {}}] * 16)
            sender.wait_for_end()


def come_and_go(port: int, stays: Senders) -> Iterator[None]:
    """A feed that is lost three times and stays then, and a source that ends after its first."""
    for round_ in range(3):
        for source in ("flaps", *(("ends",) if round_ == 0 else ())):
            with connected(port) as sender:
                sender.hello(source, interval=INTERVAL)
                sender.say(miners(miner(f"{source}.1")))
                yield
        time.sleep(EXPIRED_SECONDS)  # the rule itself is about time: rows outlive their connection
    stays.say("flaps", miners(miner("flaps.1")))


def missing(on: Alerting) -> list[str]:
    told = {
        (one["labels"]["alertname"], one["labels"].get("source"))
        for message in on.inbox.messages
        for one in message.alerts
    }
    return [name for name, source in FIRES.items() if (name, source) not in told]


def complain(missed: Sequence[str], on: Alerting) -> str:
    told = sorted({json.dumps(one["labels"]) for m in on.inbox.messages for one in m.alerts})
    return f"not told: {missed}; told:\n" + "\n".join(told)


def test_every_cause_is_told_and_a_healthy_fleet_is_not(tmp_path: Path) -> None:
    with ExitStack() as stack:
        proxy, pool = (stack.enter_context(Service(kind)) for kind in ("proxy", "pool"))
        feed = Feed(stack)
        jobs = {"stats-proxy": proxy.web, "stats-pool": pool.web, "stats-feed": feed.web}
        on = stack.enter_context(alerting(tmp_path, jobs, TIMES))
        translators, pools = Senders(stack, proxy.ingest), Senders(stack, pool.ingest)
        healthy(translators, pools)
        time.sleep(SEEN_SECONDS)  # nothing else tells that so many seconds were recorded
        told = {one["labels"]["alertname"] for m in on.inbox.messages for one in m.alerts}
        assert told <= {"StatsGatewayWatchdog", "StatsGatewayServiceAbsent"}, complain([], on)
        ill(translators, pools)
        feed.fall_ill()
        misbehave(pool.ingest)
        flapping = come_and_go(proxy.ingest, translators)
        deadline = time.monotonic() + FIRED_SECONDS
        while missed := [name for name in missing(on) if name != "StatsGatewayServiceDown"]:
            next(flapping, None)
            now = int(time.time())
            rows = [miner("reconnects.1", now, connected_at=now), miner("mate", now)]
            translators.say("reconnects", miners(*rows))
            translators.say("reconnects", miners(miner("negative", now, hashrate=-1.0), *rows))
            assert time.monotonic() < deadline, complain(missed, on)
            time.sleep(1.5)  # a session that lasts
        pool.stop()
        until(lambda: not missing(on), FIRED_SECONDS, "the service that is down")
