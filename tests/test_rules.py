"""Rules, their promtool tests, the runbook and the routes of Alertmanager hold together."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from exporters.exposition.families import ALL
from exporters.exposition.refusals import HttpReason
from stats_gateway.errors import ConnectionReason, Reason
from tests.grafana.promql import read
from tests.support.cases import for_each
from tests.support.feeds import feed_families
from tests.support.programs import program
from tests.support.yaml_files import Yaml, read_yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "prometheus"
FLEET = ROOT / "deploy" / "fleet" / "rules" / "fleet.yml"
"""What watches over all sites, and is evaluated by vmalert as well."""

RULE_FILES = [*sorted((FOLDER / "rules").glob("*.yml")), FLEET]
TEST_FILES = sorted((FOLDER / "tests").glob("*.yml"))
LONGEST = {
    "after_a_day",
    "feeds",
    "gateway_service",
    "gateway_sources",
    "proxy_hashrate_from_work",
    "proxy_miner_shares",
    "proxy_sources",
}
"""Each takes promtool more than a second of CPU: they are among the slow tests."""
ALERTMANAGER = FOLDER / "alertmanager.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"
BOARDS = ROOT / "grafana" / "dashboards"
RUNBOOK_URL = "{{ $externalLabels.stats_url }}/runbook"
RECEIVERS = {"critical": "page", "warning": "ticket", "info": "nobody", "none": "watchdog"}
"""Where each severity goes; there are no others."""

WATCHDOG = "StatsGatewayWatchdog"
WATCHDOGS = {WATCHDOG, "StatsFleetWatchdog"}
"""What always fires, so that nothing can be done about them."""

PROMTOOLS = ("promtool", "promtool3")
"""Of the oldest Prometheus that is supported, Debian 12's 2.42, and of a 3.x."""

EVALUATION_SECONDS = 15
"""How often a group runs that does not say: the evaluation_interval of prometheus.yml."""

GAP_SECONDS = 300
"""How long a restart or an outage may last without ending an alert."""

FEWEST_IN_A_RANGE = 10
"""A range over a record misses at most its newest sample: this many make that little."""

DOMAINS = ("StatsFleet", "StatsGateway", "StatsFeed", "StratumProxy", "StratumPool")

Labels = Mapping[str, str]


class Case(NamedTuple):
    """What one promtool test says of one alert at one time."""

    alert: str
    expected: tuple[Labels, ...]
    """The labels of every alert that must fire, `alertname` among them; empty for silence."""


def groups() -> Iterator[Yaml]:
    for file in RULE_FILES:
        yield from read_yaml(file)["groups"]


def rules() -> Iterator[Yaml]:
    for group in groups():
        yield from group["rules"]


def cases() -> Iterator[Case]:
    for file in TEST_FILES:
        for test in read_yaml(file)["tests"]:
            for case in test.get("alert_rule_test", ()):
                alert = case["alertname"]
                expected = [one["exp_labels"] for one in case.get("exp_alerts", ())]
                yield Case(alert, tuple({"alertname": alert, **labels} for labels in expected))


ALERTS = [rule for rule in rules() if "alert" in rule]
GROUP_OF = {
    rule["record"]: group for group in groups() for rule in group["rules"] if "record" in rule
}
RECORDS = GROUP_OF.keys()
OVER_ALL_SITES = read_yaml(FLEET)["groups"][0]["rules"]
NAMES = sorted({rule["alert"] for rule in ALERTS})
NAMES_AT_A_SITE = sorted(set(NAMES) - {rule["alert"] for rule in OVER_ALL_SITES})
CASES = list(cases())
FIRED = [labels for case in CASES for labels in case.expected]

each_alert = for_each(
    "alert", {f"{rule['alert']} {rule['labels']['severity']}": rule for rule in ALERTS}
)


def run(*command: str | Path) -> str:
    # promtool spends a third of its time on collecting garbage, with memory to spare.
    environment = {**os.environ, "GOGC": "400"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_promtool_finds_nothing_to_mend_in_the_rules(promtool: str) -> None:
    run(program(promtool), "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize(
    "promtool", [PROMTOOLS[0], pytest.param(PROMTOOLS[1], marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, marks=[pytest.mark.slow] if file.stem in LONGEST else [], id=file.stem)
        for file in TEST_FILES
    ],
)
def test_rules_do_what_their_promtool_tests_say(file: Path, promtool: str) -> None:
    run(program(promtool), "test", "rules", file)


@each_alert
def test_an_alert_is_tested_to_fire(alert: Yaml) -> None:
    wanted = {"alertname": alert["alert"], "severity": alert["labels"]["severity"]}
    assert any(wanted.items() <= labels.items() for labels in FIRED)


@for_each("name", [name for name in NAMES if name not in WATCHDOGS])
def test_an_alert_is_tested_to_be_silent_and_to_resolve(name: str) -> None:
    fires = [bool(case.expected) for case in CASES if case.alert == name]
    assert False in fires[fires.index(True) :], "no test shows it resolved or never firing"
    assert fires.count(False) >= 2, "one silent case is not enough"


@each_alert
def test_an_alert_says_what_is_wrong_and_where_to_read_on(alert: Yaml) -> None:
    name, notes = alert["alert"], alert["annotations"]
    assert name.startswith(DOMAINS)
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in RECEIVERS
    assert re.fullmatch(r"[A-Z][^{}]*\.", notes["summary"]), "a sentence, the same every time"
    assert "$labels." in notes["description"] or name in WATCHDOGS
    assert notes["runbook_url"] == f"{RUNBOOK_URL}#{name.lower()}"


@each_alert
def test_an_alert_links_a_board_that_exists(alert: Yaml) -> None:
    uids = {json.loads(board.read_text())["uid"] for board in BOARDS.glob("*.json")}
    assert alert["annotations"]["dashboard"] in uids


def test_the_runbook_has_one_entry_for_each_alert_and_no_other() -> None:
    assert sorted(re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)) == NAMES


@for_each("reason", sorted({*ConnectionReason, *HttpReason, *Reason}))
def test_the_runbook_says_what_to_do_for_every_reason_to_refuse(reason: str) -> None:
    assert f"`{reason}`" in RUNBOOK.read_text()


def test_the_runbook_names_only_panels_that_exist() -> None:
    panels = {
        (board["title"], panel["title"])
        for board in (json.loads(file.read_text()) for file in BOARDS.glob("*.json"))
        for panel in board["panels"]
    }
    text = " ".join(RUNBOOK.read_text().split())
    named = {
        (board, panel)
        for board, listed in re.findall(r"board \*([^*]+)\*, panels? ([^.;:?(]+)", text)
        for panel in re.split(r", | and ", listed)
    }
    assert named
    assert named <= panels


@each_alert
def test_an_alert_keeps_its_identity_and_does_not_rank(alert: Yaml) -> None:
    assert "$value" not in str(alert["labels"]), "it would be another alert at each evaluation"
    assert not re.search(r"\b(topk|bottomk)\b", alert["expr"]), "who is in the top changes"


@each_alert
def test_an_alert_says_what_to_do_first(alert: Yaml) -> None:
    assert alert["alert"] in WATCHDOGS or advice(alert)


def advice(alert: Yaml) -> str:
    """The last sentence of a description, which begins with `First`, without that word."""
    found = re.search(
        r"[.?] First ((look|compare) [^{}]*[.?])$", alert["annotations"]["description"]
    )
    return found[1] if found else ""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WATCHDOGS])
def test_the_runbook_begins_with_the_first_step_of_the_description(name: str) -> None:
    entry = re.split(r"^##", RUNBOOK.read_text().split(f"\n### {name}\n")[1], flags=re.MULTILINE)[0]
    steps = re.findall(r"^- \*\*First[^*]*:\*\* (.+?)(?=\n-|\n\n)", entry, re.MULTILINE | re.DOTALL)
    said = [advice(alert) for alert in ALERTS if alert["alert"] == name]
    assert [" ".join(step.split()) for step in steps] == list(dict.fromkeys(said))
    assert entry.index("- **") == entry.index("- **First")


@each_alert
def test_a_gap_does_not_end_an_alert(alert: Yaml) -> None:
    if alert["alert"] == WATCHDOG or alert in OVER_ALL_SITES:
        return  # the oldest vmalert that is supported knows no keep_firing_for
    gap = min(seconds(alert.get("for", "0s")) + 60, GAP_SECONDS)
    assert seconds(alert["keep_firing_for"]) >= gap


def seconds(duration: str) -> int:
    """Prometheus' notation, for example `1d`, `22h50m` or `15s`."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def interval(group: Yaml) -> int:
    return seconds(group["interval"]) if "interval" in group else EVALUATION_SECONDS


@for_each("group", {group["name"]: group for group in groups()})
def test_no_rule_reads_a_record_that_may_be_older_than_its_own_step(group: Yaml) -> None:
    before: set[str] = set()
    for rule in group["rules"]:
        for selector in read(rule["expr"]).selectors:
            maker = GROUP_OF.get(selector.metric)
            if maker is None or selector.metric in before or selector.function == "last_over_time":
                continue  # last_over_time() says itself how old its sample may be
            if selector.window is None:
                assert maker["name"] != group["name"], f"{selector.metric} is recorded further down"
                assert interval(maker) <= interval(group), selector.metric
            else:
                window = seconds(selector.window.split(":")[0])
                assert 1 + window // interval(maker) >= FEWEST_IN_A_RANGE, selector.metric
        before.add(rule.get("record", ""))


def test_rules_read_only_what_is_exposed_or_recorded() -> None:
    exposed = {family.name for family in ALL} | feed_families().keys() | {"up", "ALERTS"}
    used = {metric for rule in rules() for metric in read(rule["expr"]).metrics}
    assert used <= exposed | RECORDS


def test_the_header_lists_every_record() -> None:
    text = (FOLDER / "rules" / "recording.yml").read_text()
    header = text[: text.index("groups:")]
    for record in RECORDS:
        level, metric, operations = record.split(":")
        assert f":{operations}" in header, record
        assert f"{level}:{metric}:" in header or operations.endswith(("_every5m", "_every1h")), (
            record
        )


def test_alertmanager_loads_its_configuration() -> None:
    run(program("amtool"), "check-config", ALERTMANAGER)


@pytest.mark.parametrize(("severity", "receiver"), RECEIVERS.items())
def test_a_severity_is_routed_to_its_receiver(severity: str, receiver: str) -> None:
    command = ("config", "routes", "test", f"--config.file={ALERTMANAGER}")
    said = run(program("amtool"), *command, f"severity={severity}", "job=stats-proxy")
    assert said.split() == [receiver]


def inhibitions() -> list[Yaml]:
    found: list[Yaml] = read_yaml(ALERTMANAGER)["inhibit_rules"]
    return found


each_inhibition = for_each("rule", inhibitions())


def matches(labels: Labels, matchers: list[str]) -> bool:
    """Whether all `matchers` hold, as Alertmanager reads them: an absent label is empty."""
    for matcher in matchers:
        parts = re.fullmatch(r'(\w+)\s*(=~|!~|!=|=)\s*"?([^"]*)"?', matcher)
        assert parts, matcher
        label, operator, value = parts.groups()
        pattern = value if operator.endswith("~") else re.escape(value)
        if bool(re.fullmatch(pattern, labels.get(label, ""))) == operator.startswith("!"):
            return False
    return True


@each_inhibition
def test_an_inhibition_has_alerts_on_both_sides_and_none_on_both(rule: Yaml) -> None:
    sources = [labels for labels in FIRED if matches(labels, rule["source_matchers"])]
    targets = [labels for labels in FIRED if matches(labels, rule["target_matchers"])]
    assert sources
    assert targets
    assert not [labels for labels in sources if labels in targets]


@each_inhibition
def test_an_inhibition_never_rests_on_a_label_that_both_sides_lack(rule: Yaml) -> None:
    if "alertname" in rule["equal"]:
        return  # the two sides are one alert at two severities, so they lack the same labels
    for labels in FIRED:
        if matches(labels, rule["source_matchers"]):
            assert labels.keys() >= set(rule["equal"])


@each_inhibition
def test_what_holds_back_outlives_what_is_held_back(rule: Yaml) -> None:
    """Without that, an alert that nobody needs is sent in the minutes after its cause has ended."""
    if "name" in rule["equal"] or any("StatsGatewayService" in m for m in rule["source_matchers"]):
        return  # one alert at two severities; or what nothing can be evaluated beside
    kept = {alert["alert"]: seconds(alert.get("keep_firing_for", "0s")) for alert in ALERTS}
    causes = {one["alertname"] for one in FIRED if matches(one, rule["source_matchers"])}
    effects = {one["alertname"] for one in FIRED if matches(one, rule["target_matchers"])}
    if causes & {"StatsGatewaySourceStale", "StatsGatewaySourceRowsMissing"}:
        return  # without rows no effect begins
    assert min(kept[name] for name in causes) >= max(kept[name] for name in effects)


def test_ten_vanished_miners_are_one_message_with_their_names(tmp_path: Path) -> None:
    group = {"alertname": "StratumProxyMinerVanished", "source": "translator-1"}
    names = [f"rig{number}" for number in range(10)]
    alerts = [
        {"status": "firing", "labels": {"name": name}, "annotations": {"description": name + "!"}}
        for name in names
    ]
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"status": "firing", "groupLabels": group, "alerts": alerts}))
    command = ("template", "render", f"--template.glob={FOLDER / 'notifications.tmpl'}")
    text = '--template.text={{ template "stratum.title" . }}|{{ template "stratum.text" . }}'
    title, body = run(program("amtool"), *command, f"--template.data={data}", text).split("|")
    assert title == "10 miners vanished from translator-1"
    assert all(f"- {name}!" in body for name in names)


HOLDS_BACK = [
    ("StatsGatewayServiceDown", "StratumProxyMinerVanished", True),
    ("StatsGatewayServiceDown", WATCHDOG, False),
    ("StatsGatewayServiceAbsent", WATCHDOG, False),
    ("StatsGatewayReplicaDown", "StratumProxyMinerVanished", False),
    ("StatsGatewayReplicaDown", "StatsGatewayWatcherDown", False),
    ("StatsGatewayServiceDown", "StatsGatewayReplicaUnheard", True),
    ("StatsGatewaySourceStale", "StratumProxyMinerIdle", True),
    ("StatsGatewaySourceStale", "StratumPoolMintGone", True),
    ("StatsGatewaySourceStale", "StatsGatewayClockSkew", False),
    ("StatsGatewaySourceStale", "StatsFeedDown", True),
    ("StatsFeedStandsStill", "StratumProxySharesStandStill", True),
    ("StratumProxyUpstreamDisconnected", "StratumProxyNoMiners", True),
    ("StratumProxyUpstreamDisconnected", "StatsFeedUpstreamUnreachable", True),
    ("StratumProxyUpstreamDisconnected", "StatsFeedMinersRedirected", False),
    ("StratumProxyNoMiners", "StratumProxyMinerVanished", True),
    ("StratumProxyMinerVanished", "StratumProxyNoMiners", False),
    ("StratumPoolNoTranslator", "StratumPoolMintGone", False),
    ("StratumProxyHashrateDown", "StratumProxyMinerHashrateDown", True),
    ("StatsGatewaySourceFlapping", "StratumProxyHashrateDown", True),
    ("StratumProxySharesStandStill", "StratumProxyMinerIdle", True),
    ("StratumProxyRejectionsHigh", "StratumProxyRejectReasonHigh", True),
    ("StratumProxyRejectionsHigh", "StratumProxyMinerRejectionsHigh", True),
    ("StratumProxyNoMiners", "StratumProxyHashrateDown", True),
    ("StratumProxyUpstreamDisconnected", "StratumProxyMinerIdle", True),
    ("StatsGatewaySourceRowsMissing", "StratumPoolNoTranslator", True),
    ("StatsGatewaySourceFlapping", "StratumProxyMinerVanished", True),
    ("StratumPoolNoTranslator", "StratumPoolHashrateDown", True),
]
"""Causes, what is told beside them, and whether they hold that back."""

SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}


@pytest.mark.parametrize(("cause", "held_back", "is_held_back"), HOLDS_BACK)
def test_one_cause_wakes_once(cause: str, held_back: str, is_held_back: bool) -> None:
    place = {"job": "j", "source": "s"}
    first = {"alertname": cause, "severity": SEVERITIES[cause], **place}
    second = {"alertname": held_back, "severity": SEVERITIES[held_back], **place}
    if held_back == WATCHDOG:
        second = {"alertname": held_back, "severity": "none"}
    assert is_held_back == any(
        matches(first, rule["source_matchers"])
        and matches(second, rule["target_matchers"])
        and all(first.get(label) == second.get(label) for label in rule["equal"])
        for rule in inhibitions()
    )
