"""Each cause is brought about for real, and its alert arrives at a webhook, once."""

import json
import os
import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.e2e.harness.service import Service
from tests.rules.alerting import Alerting, alerting
from tests.rules.causes import (
    SHARED,
    UPSTREAM,
    Feed,
    Senders,
    come_and_go,
    ends,
    go_on,
    half_heard,
    half_lost,
    healthy_pools,
    healthy_translators,
    ill,
    misbehave,
    past,
)
from tests.support.ports import free_ports
from tests.support.servers import LOOPBACK
from tests.support.until import until
from tests.test_rules import NAMES_AT_A_SITE, ROOT, RUNBOOK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TIMES = 100.0
"""A minute of waiting is less than a second."""

SEEN_SECONDS = 12.0
"""In which a healthy fleet is scraped and recorded; every recorded hour is a second here."""

STEP_SECONDS = 1.5
"""How long a session lasts of a miner that reconnects."""

FIRED_SECONDS = 150.0
WRONG = "nonsense: ["

PROXY, POOL, FEED = {"job": "stats-proxy"}, {"job": "stats-pool"}, {"job": "stats-feed"}
FROM_THE_START = {
    "StatsGatewayConfigReloadFailed": PROXY,
    "StatsGatewayNoSource": POOL,
    "StatsGatewayReplicaAbsent": PROXY,
    "StatsGatewayReplicaUnheard": PROXY,
    "StatsGatewayWatchdog": {},
    "StatsGatewayWatcherDown": {"job": "prometheus"},
    "StratumProxySharesStandStill": PROXY | {"source": "stands-still"},
}
LATER = {
    "StatsFeedMinersRedirected": FEED | {"source": "tapped"},
    "StatsFeedUpstreamUnreachable": FEED | {"source": "tapped", "upstream": UPSTREAM},
    "StatsFeedDown": FEED | {"source": "unread"},
    "StatsFeedStandsStill": FEED | {"source": "the-same"},
    "StatsGatewayClockSkew": PROXY | {"source": "skewed"},
    "StatsGatewayConnectionsRefused": POOL,
    "StatsGatewayLegacySenders": POOL,
    "StatsGatewayMessagesRefused": POOL,
    "StatsGatewayReplicaDown": PROXY,
    "StatsGatewayRowsHidden": POOL | {"source": "hides"},
    "StatsGatewaySourceFlapping": PROXY | {"source": "flaps"},
    "StatsGatewaySourceRowsMissing": POOL | {"source": SHARED},
    "StatsGatewaySourceStale": PROXY | {"source": "ends", "severity": "warning"},
    "StatsGatewayValuesDropped": PROXY,
    "StratumPoolHashrateDown": POOL | {"source": "drops"},
    "StratumPoolJobDeclaratorGone": POOL | {"source": "no-declarator"},
    "StratumPoolMintGone": POOL | {"source": "no-mint"},
    "StratumPoolNoTranslator": POOL | {"source": "no-translator"},
    "StratumPoolRejectionsHigh": POOL | {"source": "rejects"},
    "StratumProxyHashrateDown": PROXY | {"source": "drops", "severity": "critical"},
    "StratumProxyMinerFlapping": PROXY | {"source": "reconnects"},
    "StratumProxyMinerHashrateDown": PROXY | {"source": "one-drops", "name": "one-drops.1"},
    "StratumProxyMinerIdle": PROXY | {"source": "idle", "name": "idle.1"},
    "StratumProxyMinerMoved": PROXY | {"source": "old-place", "name": "old-place.2"},
    "StratumProxyMinerRejectionsHigh": PROXY | {"source": "one-rejects", "name": "bad"},
    "StratumProxyMinerUncredited": PROXY | {"source": "uncredited"},
    "StratumProxyMinerVanished": PROXY | {"source": "loses-one", "name": "loses-one.2"},
    "StratumProxyNoMiners": PROXY | {"source": "empties"},
    "StratumProxyRejectReasonHigh": PROXY | {"source": "one-reason", "reason": "stale"},
    "StratumProxyRejectionsHigh": PROXY | {"source": "rejects"},
    "StratumProxyUpstreamDisconnected": PROXY | {"source": "no-upstream"},
    "StratumProxyWalletNotGrowing": PROXY | {"source": "unpaid"},
}
AT_THE_END = {"StatsGatewayServiceDown": POOL, "StatsGatewayServiceAbsent": POOL}
CAUSES = FROM_THE_START | LATER | AT_THE_END
SERVICE_ABSENT = "StatsGatewayServiceAbsent"
ALSO = [
    ("StatsGatewaySourceStale", POOL | {"source": "ends", "severity": "critical"}),
    ("StatsGatewaySourceStale", PROXY | {"source": "flaps"}),
    (SERVICE_ABSENT, PROXY),
]
"""What is told besides, and is right: a pool for which no other came; 12 s without rows, where a
minute is less than one; a Prometheus that starts and has no targets for 5 s."""

Labels = dict[str, str]


def told(on: Alerting) -> list[Labels]:
    """The labels of every alert that was ever told as firing, one after the other."""
    return [
        dict(one["labels"])
        for message in on.inbox.messages
        for one in message.alerts
        if one["status"] == "firing"
    ]


def missing(on: Alerting, causes: dict[str, Labels]) -> list[str]:
    known = told(on)
    return [
        name
        for name, labels in causes.items()
        if not any(one.items() >= (labels | {"alertname": name}).items() for one in known)
    ]


def unexpected(on: Alerting) -> set[str]:
    """What was told and is in no list."""
    expected = [*CAUSES.items(), *ALSO]
    return {
        json.dumps(one)
        for one in told(on)
        if not any(
            one.items() >= (labels | {"alertname": name}).items() for name, labels in expected
        )
    }


class Course(NamedTuple):
    """What runs when all of it is over: the alerting, and the service that nobody stopped."""

    on: Alerting
    proxy: Service


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """The whole course of it, up to the moment in which everything was told that must be."""
    folder = tmp_path_factory.mktemp("causes")
    web = folder / "web.yml"
    web.write_text("basic_auth_users:\n")
    with ExitStack() as stack:
        proxy = stack.enter_context(Service("proxy"))
        pool = stack.enter_context(Service("pool", "--limits.max-downstreams-exposed=3"))
        replica = stack.enter_context(Service("proxy", f"--web.config.file={web}"))
        web.write_text(WRONG)
        reloaded = "stats_gateway_config_last_reload_successful"
        until(lambda: f"{reloaded} 0.0" in replica.get("/metrics").body.decode())
        feed = Feed(stack)
        jobs = {
            "stats-proxy": [proxy.web, replica.web],
            "stats-pool": [pool.web],
            "stats-feed": [feed.web],
            "prometheus": free_ports(1),  # the other one of a cell, which has ended
        }
        before = past(f"{LOOPBACK}:{proxy.web}", f"{LOOPBACK}:{pool.web}")
        on = stack.enter_context(alerting(folder, jobs, TIMES, before))
        translators, pools = Senders(stack, proxy.ingest), Senders(stack, pool.ingest)
        comings, halves = come_and_go(proxy.ingest, translators), half_lost(pool.ingest)
        healthy_translators(translators, 0)
        until(lambda: not missing(on, {"StatsGatewayNoSource": POOL}), FIRED_SECONDS)
        healthy_translators(translators, 1)
        healthy_pools(pools)
        half_heard(replica.ingest)
        seen = time.monotonic() + SEEN_SECONDS  # nothing else tells that so much was recorded
        while time.monotonic() < seen or missing(on, FROM_THE_START):
            next(comings)
            time.sleep(STEP_SECONDS)
        early = [one for one in told(on) if one.get("source") not in ("flaps", "ends")]
        assert {one["alertname"] for one in early} <= {*FROM_THE_START, SERVICE_ABSENT}, early
        ill(translators, pools)
        feed.fall_ill()
        misbehave(pool.ingest)
        ends(pool.ingest)
        replica.stop()
        began = time.time()
        while missed := missing(on, LATER):
            next(comings)
            next(halves)
            go_on(translators, pools, began)
            assert time.time() - began < FIRED_SECONDS, f"{missed}; told: {unexpected(on)}"
            time.sleep(STEP_SECONDS)
        pool.stop()
        until(lambda: "StatsGatewayServiceDown" not in missing(on, AT_THE_END), FIRED_SECONDS)
        on.scrape(jobs | {"stats-pool": []})  # as when service discovery finds nothing
        until(lambda: not missing(on, AT_THE_END), FIRED_SECONDS, "the job that is gone")
        yield Course(on, proxy)


def test_every_alert_has_a_cause_that_brings_it_about(course: Course) -> None:
    assert sorted(CAUSES) == NAMES_AT_A_SITE
    assert not missing(course.on, CAUSES)


def test_one_cause_is_told_once_and_nothing_else_is(course: Course) -> None:
    assert not unexpected(course.on), "\n".join(sorted(unexpected(course.on)))
    statuses = defaultdict(list)
    for message in course.on.inbox.messages:
        for one in message.alerts:
            if one["labels"].get("source") != "flaps":
                statuses[json.dumps(one["labels"])].append(one["status"])
    assert not [
        labels
        for labels, said in statuses.items()
        if sum(before != "firing" == now for before, now in pairwise(["", *said])) > 1
    ]


def test_the_words_that_arrive_name_the_place_and_hold_nothing_unfilled(course: Course) -> None:
    for message in course.on.inbox.messages:
        for one in message.alerts:
            words = one["annotations"]["description"]
            assert "<" not in words
            assert "NaN" not in words
            assert "  " not in words.replace("\n", "")
            assert ": ." not in words
            for label in ("source", "name", "reason"):
                assert one["labels"].get(label, "") in words


def test_every_command_of_the_runbook_runs_as_it_is_written(course: Course) -> None:
    found = list(steps(RUNBOOK.read_text()))
    assert {step.entry for step in found if step.is_query}
    failed = {}
    for step in found:
        text = filled_in(step, course)
        run = query if step.is_query else command
        if problem := run(text, course):
            failed[f"{step.entry}: {text}"] = problem
    assert not failed, "\n".join(f"{text}: {problem}" for text, problem in failed.items())


class Step(NamedTuple):
    """One command or query of the runbook."""

    entry: str
    text: str
    is_query: bool


COMMANDS = ("amtool", "curl", "promtool", "ss", "timeout")
"""`openssl s_client` is left out: it needs a service that speaks TLS."""


def steps(runbook: str) -> Iterator[Step]:
    for part in re.split(r"^### ", runbook, flags=re.MULTILINE):
        entry = part.split("\n")[0]
        for block in re.findall(r"```sh\n(.+?)```", part, re.DOTALL):
            yield Step(entry, block, is_query=False)
        for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", part):
            text = " ".join(span.split())
            if text.split(maxsplit=1)[0] in COMMANDS and " " in text:
                yield Step(entry, text, is_query=False)
            elif re.match(r"\w*\(|(stats_gateway|stratum)_\w+\{?|\w+:stratum", text):
                yield Step(entry, text, is_query=True)


def filled_in(step: Step, course: Course) -> str:
    """The text with the ports of this run, and the labels of the alert for words in capitals."""
    on, proxy = course
    labels = {"source": "drops", "name": "drops.1", "reason": "stale", "job": "stats-proxy"}
    labels |= CAUSES.get(step.entry, {})
    words = {
        "PROMETHEUS:9090": f"{LOOPBACK}:{on.prometheus}",
        "ALERTMANAGER:9093": f"{LOOPBACK}:{on.alertmanager}",
        "127.0.0.1:9093": f"{LOOPBACK}:{on.alertmanager}",
        "127.0.0.1:8084": f"{LOOPBACK}:{proxy.web}",
        # The program that a feed reads; here, where the command finds anybody who answers.
        "127.0.0.1:9092": f"{LOOPBACK}:{proxy.web}",
        ":8082": f":{proxy.ingest}",
        "INSTANCE/8082": f"{LOOPBACK}/{proxy.ingest}",
        "POOL/PORT": f"{LOOPBACK}/{proxy.ingest}",
        **{word.upper(): value for word, value in labels.items() if word != "severity"},
    }
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], step.text)


def command(text: str, _: Course) -> str:
    """What is wrong with its end; a program that this machine lacks is passed over."""
    path = f"{os.environ['PATH']}:{ROOT / '.tools' / 'bin'}"
    if shutil.which(text.split(maxsplit=1)[0], path=path) is None:
        return ""
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=ROOT / "prometheus",
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def query(text: str, course: Course) -> str:
    """What Prometheus has against it; a list of the worst must not be empty."""
    url = f"http://{LOOPBACK}:{course.on.prometheus}/api/v1/query?{urlencode({'query': text})}"
    try:
        with urlopen(url, timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
    except HTTPError as error:
        return error.read().decode()
    return "finds nothing" if re.match("(top|bottom)k", text) and not found else ""
