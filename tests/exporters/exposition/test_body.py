from typing import Any

import pytest

from exporters.exposition.body import Selection
from exporters.exposition.families import Kind
from exporters.exposition.render import Exposition
from exporters.exposition.text_format import Format
from stats_gateway.wire.services import Service
from tests.support.expositions import LAYOUTS, comment_lines, metrics, rendered, samples, text
from tests.support.senders import Senders
from tests.support.snapshots import connection, connection_snapshot, miner, miner_snapshot

SOURCES = ("a", "b", "c")
SNAPSHOTS = {
    Service.PROXY: miner_snapshot(
        miner(1, shares_rejected=1, work=2.0), miner(2), wallet={"balance": 1, "quotes_created": 2}
    ),
    Service.POOL: connection_snapshot(connection(1, work=1.0), listen_address="h:1"),
}


def exposition(service: Service = Service.PROXY) -> Exposition[Any]:
    """Two sources that are up, and one that is down."""
    senders = Senders(service)
    for number, name in enumerate(SOURCES):
        senders.hello(number, name)
        senders.send(number, SNAPSHOTS[service], 30 if name != "c" else 0)
    senders.pass_time(30)
    return rendered(senders.store.view, service)


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("service", Service)
def test_a_selection_of_families_is_what_the_whole_has_of_them(
    service: Service, format_: Format
) -> None:
    shown = exposition(service)
    whole = samples(text(shown, format_), format_)
    layout = LAYOUTS[service]
    for family in (*layout.source_families, *layout.row_families):
        stem = family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name
        for name in {family.name, stem}:
            part = text(shown, format_, Selection(names=frozenset({name})))
            assert len(comment_lines(part)) == 2 + (format_ is Format.OPENMETRICS)
            expected = {key: value for key, value in whole.items() if key[0] == family.name}
            assert samples(part, format_) == expected


def test_several_families_may_be_selected_and_come_in_their_usual_order() -> None:
    names = ("stats_gateway_source_up", "stratum_proxy_miners", "stratum_proxy_miner_info")
    part = text(exposition(), selection=Selection(names=frozenset(reversed(names))))
    assert [metric.name for metric in metrics(part)] == list(names)


@pytest.mark.parametrize("sources", [{"a"}, {"a", "b"}, {"c"}, {"nobody"}])
def test_a_selection_of_sources_is_what_the_whole_has_of_them(sources: set[str]) -> None:
    shown = exposition()
    whole = samples(text(shown))
    part = text(shown, selection=Selection(sources=frozenset(sources)))
    expected = {key: value for key, value in whole.items() if dict(key[1])["source"] in sources}
    assert samples(part) == expected
    assert comment_lines(part) == comment_lines(text(shown)), "families are there without samples"


def test_a_selection_of_nothing_known_is_empty() -> None:
    assert text(exposition(), selection=Selection(names=frozenset({"up"}))) == b""


@pytest.mark.parametrize("service", Service)
def test_no_sample_has_a_time_of_its_own(service: Service) -> None:
    for metric in metrics(text(exposition(service))):
        assert all(one.timestamp is None for one in metric.samples)
