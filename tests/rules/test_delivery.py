"""What arrives: real alerts of a real Prometheus, by a real Alertmanager, at a webhook."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import Sender, connected
from tests.rules.alerting import Alerting, alerting
from tests.support.until import until
from tests.test_rules import HOLDS_BACK, SEVERITIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FIRED_SECONDS = 60.0
RESOLVED_SECONDS = 120.0
STALE, UPSTREAM = "StatsGatewaySourceStale", "StratumProxyUpstreamDisconnected"
PAIRS = {f"job-{number}": pair for number, pair in enumerate(HOLDS_BACK)}
"""Each pair of the table at a place of its own."""

PLACE = {"job": "stats-proxy", "source": "translator-1"}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alerting]:
    with alerting(tmp_path, {}) as running:
        yield running


def tell(sender: Sender, source: str, *, upstream: bool) -> None:
    """Say who sends, and an empty snapshot with the state of its upstream."""
    sender.hello(source, interval=600)
    state = {"address": "pool.example:3333", "connected": upstream}
    sender.say({"MinerSnapshot": {"miners": [], "timestamp": int(time.time()), "upstream": state}})


def test_a_restart_of_the_service_neither_resolves_nor_repeats(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(Service("proxy"))
        jobs = {"stats-proxy": [first.web]}
        inbox = stack.enter_context(alerting(tmp_path, jobs)).inbox
        with connected(first.ingest) as stays:
            tell(stays, "stays", upstream=False)
            with connected(first.ingest) as ends:
                tell(ends, "ends", upstream=True)
            until(lambda: inbox.of(STALE) and inbox.of(UPSTREAM), FIRED_SECONDS, "both firing")
            first.stop()
        stack.enter_context(Service("proxy", ingest=first.ingest, web=first.web))
        for source, upstream in (("stays", False), ("ends", True)):
            tell(stack.enter_context(connected(first.ingest)), source, upstream=upstream)
        until(lambda: "resolved" in inbox.of(STALE), RESOLVED_SECONDS, "the returned one resolved")
        assert inbox.of(STALE) == ["firing", "resolved"]
        assert inbox.of(UPSTREAM) == ["firing"]


def test_ten_vanished_miners_are_one_message(alone: Alerting) -> None:
    vanished = {"alertname": "StratumProxyMinerVanished", "severity": "warning", **PLACE}
    alone.post([{**vanished, "name": f"rig{number}"} for number in range(10)])
    until(lambda: alone.inbox.messages, FIRED_SECONDS, "a message")
    (message,) = alone.inbox.messages
    assert message.receiver == "ticket"
    assert len(message.alerts) == 10


def test_one_cause_is_one_message(alone: Alerting) -> None:
    alerts = [
        {"alertname": name, "severity": SEVERITIES[name], "job": job, "source": job}
        for job, names in PAIRS.items()
        for name in names[:2]
    ]
    held_back = {(effect, job) for job, (_, effect, held) in PAIRS.items() if held}
    expected = {(cause if held else effect, job) for job, (cause, effect, held) in PAIRS.items()}
    alone.post(alerts)
    until(lambda: not expected - arrived(alone), FIRED_SECONDS, f"some of {expected}")
    alone.post([{"alertname": "Last", "severity": "warning", "job": "last"}])
    until(lambda: ("Last", "last") in arrived(alone), FIRED_SECONDS, "one more message")
    assert not arrived(alone) & held_back


def arrived(on: Alerting) -> set[tuple[str, str]]:
    """Each alert that was told, with its job."""
    labels = [one["labels"] for message in on.inbox.messages for one in message.alerts]
    return {(one["alertname"], one["job"]) for one in labels}


def test_a_whole_source_is_one_message(alone: Alerting) -> None:
    stale = {"alertname": STALE, "severity": "critical", **PLACE}
    vanished = {"alertname": "StratumProxyMinerVanished", "severity": "warning", **PLACE}
    idle = {"alertname": "StratumProxyMinerIdle", "severity": "warning", **PLACE}
    miners = [{**alert, "name": f"rig{n}"} for alert in (vanished, idle) for n in range(10)]
    elsewhere = {**vanished, "source": "translator-2", "name": "rig0"}
    alone.post([*miners, stale, elsewhere])
    until(lambda: len(alone.inbox.messages) >= 2, FIRED_SECONDS, "two messages")
    assert alone.inbox.of(STALE) == ["firing"]
    told = [one["labels"]["source"] for message in alone.inbox.messages for one in message.alerts]
    assert sorted(told) == ["translator-1", "translator-2"]
