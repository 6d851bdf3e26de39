import subprocess

import pytest
from prometheus_client import CollectorRegistry

from exporters.exposition.body import EVERYTHING, Selection
from exporters.exposition.families.family import Family, Kind
from exporters.exposition.families.gateway import (
    APPLY_SECONDS,
    CONFIG_SUCCESS_TIMESTAMP,
    CONFIG_SUCCESSFUL,
    GATEWAY_FAMILIES,
)
from exporters.exposition.self_metrics import LastReload, SelfMetrics
from exporters.exposition.text_format import OPENMETRICS_END, Format
from stats_gateway import __version__
from stats_gateway.errors import ConnectionReason, DroppedValue, Reason
from stats_gateway.intake.counters import Counters
from stats_gateway.wire.decoding import MESSAGE_TYPES
from stats_gateway.wire.services import Service
from tests.support.expositions import metrics, rendered, samples, text
from tests.support.programs import program
from tests.support.senders import Senders
from tests.support.snapshots import NOW, connection, connection_snapshot, miner, miner_snapshot


def self_metrics(counters: Counters | None = None) -> SelfMetrics:
    return SelfMetrics(Service.PROXY, counters or Counters(), CollectorRegistry())


def shown(counters: Counters | None = None, selection: Selection = EVERYTHING) -> bytes:
    return self_metrics(counters).render(selection, Format.TEXT)


def test_every_family_of_the_gateway_is_there_with_its_own_help_and_type() -> None:
    found = {metric.name: metric for metric in metrics(shown())}
    for family in GATEWAY_FAMILIES:
        stem = family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name
        assert (found[stem].documentation, found[stem].type) == (family.help, family.kind)


def test_process_and_python_metrics_are_there() -> None:
    names = {metric.name for metric in metrics(shown())}
    assert {"process_resident_memory_bytes", "python_info", "python_gc_collections"} <= names


@pytest.mark.parametrize(
    ("family", "label", "values"),
    [
        ("messages_total", "type", MESSAGE_TYPES),
        ("messages_refused_total", "reason", tuple(Reason)),
        ("values_dropped_total", "reason", tuple(DroppedValue)),
        ("connections_refused_total", "reason", tuple(ConnectionReason)),
    ],
)
def test_every_label_value_is_zero_from_the_start(
    family: str, label: str, values: tuple[str, ...]
) -> None:
    found = samples(shown())
    for value in values:
        assert found[f"stats_gateway_{family}", ((label, value),)] == 0


def test_counts_are_those_of_the_tally() -> None:
    counters = Counters(connections=3, received_bytes=2**40)
    counters.messages["MinerSnapshot"] += 5
    counters.messages_refused[Reason.MALFORMED] += 2
    counters.connections_refused[ConnectionReason.SILENT] += 1
    counters.values_dropped[DroppedValue.NEGATIVE] += 4
    found = samples(shown(counters))
    assert found["stats_gateway_connections", ()] == 3
    assert found["stats_gateway_received_bytes_total", ()] == 2**40
    assert found["stats_gateway_messages_total", (("type", "MinerSnapshot"),)] == 5
    assert found["stats_gateway_messages_refused_total", (("reason", "malformed"),)] == 2
    assert found["stats_gateway_connections_refused_total", (("reason", "silent"),)] == 1
    assert found["stats_gateway_values_dropped_total", (("reason", "negative"),)] == 4


def test_the_build_says_which_service_and_version_it_is() -> None:
    labels = (("service", "stats-proxy"), ("version", __version__))
    assert samples(shown())["stats_gateway_build_info", labels] == 1


def test_there_are_no_created_samples() -> None:
    assert b"_created" not in shown()


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("family", GATEWAY_FAMILIES, ids=lambda family: family.name)
def test_each_family_can_be_selected_by_its_name(format_: Format, family: Family) -> None:
    for name in {family.name, family.name.removesuffix("_total")}:
        part = self_metrics().render(Selection(names=frozenset({name})), format_)
        end = OPENMETRICS_END if format_ is Format.OPENMETRICS else b""
        (metric,) = metrics(part + end, format_)
        assert metric.samples


def test_a_histogram_can_be_selected_by_the_name_of_its_samples_too() -> None:
    name = f"{APPLY_SECONDS.name}_bucket"
    (metric,) = metrics(shown(selection=Selection(names=frozenset({name}))))
    assert metric.name == APPLY_SECONDS.name


def test_nothing_is_shown_where_nothing_of_it_is_selected() -> None:
    assert shown(selection=Selection(names=frozenset({"stratum_proxy_miners"}))) == b""


@pytest.mark.parametrize("service", Service)
def test_promtool_has_nothing_to_say_against_the_whole_exposition(service: Service) -> None:
    promtool = program("promtool")
    senders = Senders(service)
    senders.hello(1, "a")
    row = {"work": 1.0, "shares_rejected": 1, "name": 'q"\\\n矿机'}
    if service is Service.PROXY:
        senders.send(1, miner_snapshot(miner(1, **row), wallet={"balance": 1}))
    else:
        senders.send(1, connection_snapshot(connection(1, **row), listen_address="h:1"))
    whole = shown() + text(rendered(senders.store.view, service))
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=whole, capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


def test_a_reload_that_failed_is_told_with_the_time_of_the_last_that_did_not() -> None:
    registry = CollectorRegistry()
    failed = LastReload(is_successful=False, succeeded_at=NOW)
    SelfMetrics(Service.PROXY, Counters(), registry, last_reload=lambda: failed)
    told = {one.name: one.samples[0].value for one in registry.collect() if "config" in one.name}
    assert told == {CONFIG_SUCCESSFUL.name: 0.0, CONFIG_SUCCESS_TIMESTAMP.name: NOW}
