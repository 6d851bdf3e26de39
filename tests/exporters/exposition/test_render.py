import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.endpoints.lists import Lists, Page, health, services, stats
from exporters.endpoints.responses import JsonAnswer
from exporters.endpoints.summaries import PerSource, totals_of
from exporters.exposition.lines import CHUNK_ROWS
from exporters.exposition.render import Renderer
from exporters.exposition.text_format import Format
from stats_gateway.errors import MessageRefused
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from tests.support.expositions import (
    LAYOUTS,
    by_prometheus_client,
    comment_lines,
    rendered,
    sample_lines,
    samples,
    text,
)
from tests.support.senders import Senders, at
from tests.support.snapshots import Fields, miner, miner_snapshot, pool_status, status_proxy
from tests.support.strategies import GOOD, any_message, damaged, similar_message

HASHRATE = "stratum_proxy_miner_hashrate_hashes_per_second"
INFO = "stratum_proxy_miner_info"

names = st.sampled_from(["a", "50%", 'q"u\\o', "%d", "矿机"])


def tell(
    senders: Senders,
    number: int,
    message: Fields | bytes,
    seconds: float = 0.0,
    encoding: Encoding = Encoding.FRAMES,
) -> None:
    """Send what may be refused; so a refused message is one of the things that happen."""
    with suppress(MessageRefused):
        senders.send(number, message, seconds, encoding)


@pytest.mark.parametrize("service", Service)
@settings(max_examples=60)
@given(data=st.data())
def test_it_writes_what_prometheus_client_writes(service: Service, data: st.DataObject) -> None:
    senders = Senders(service)
    sources = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    for number, name in enumerate(sources):
        senders.hello(number, name)
        for message in data.draw(st.lists(any_message[service], min_size=1, max_size=2)):
            tell(senders, number, message)
    exposition = rendered(senders.store.view, service)
    for format_ in Format:
        ours = text(exposition, format_)
        theirs = by_prometheus_client(senders.store.view, service, format_)
        assert comment_lines(ours) == comment_lines(theirs)
        assert sample_lines(ours) == sample_lines(theirs)
        assert samples(ours, format_) == samples(theirs, format_)


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("encoding", Encoding)
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_accepted_can_be_shown(
    service: Service, encoding: Encoding, data: st.DataObject
) -> None:
    senders = Senders(service)
    senders.hello(1, "a")
    for message in GOOD[service]:
        tell(senders, 1, data.draw(damaged(message, encoding)), encoding=encoding)
    view = senders.store.view
    exposition = rendered(view, service)
    for format_ in Format:
        samples(text(exposition, format_), format_)
    every, page, now = Lists(), Page(), at(0)
    rows = (every.miners(view, page), every.connections(view, page), services(view, page))
    totals = stats(view, service, PerSource(totals_of), now)
    for answer in (*rows, totals, health(view, now)):
        json.loads(bytes(JsonAnswer(answer).body))


class Step:
    """Something that happens to a store of a few senders."""

    def __init__(self, number: int, message: Fields, seconds: float) -> None:
        self.number = number
        self.message = message
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"sender {self.number} after {self.seconds} s: {self.message}"


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("max_rows", [None, 1, 2])
@settings(max_examples=40)
@given(data=st.data())
def test_rendering_on_from_what_was_is_rendering_from_scratch(
    service: Service, max_rows: int | None, data: st.DataObject
) -> None:
    steps = st.builds(
        Step, st.integers(0, 2), similar_message[service], st.sampled_from([0.0, 1.0, 15.0])
    )
    senders = Senders(service)
    for number, name in enumerate(["a", "b", "c"]):
        senders.hello(number, name)
    renderer = Renderer(LAYOUTS[service], max_rows)
    now = 0.0
    for step in data.draw(st.lists(steps, min_size=2, max_size=8)):
        now += step.seconds
        senders.pass_time(now)
        tell(senders, step.number, step.message, now)
        view = senders.store.view
        assert text(renderer.render(view)) == text(rendered(view, service, max_rows))


def proxy(*rows: Fields, source: str = "a") -> Senders:
    senders = Senders()
    senders.hello(1, source)
    senders.send(1, miner_snapshot(*rows))
    return senders


def test_what_did_not_change_is_not_rendered_again() -> None:
    senders = proxy(miner(1), miner(2))
    renderer = Renderer(LAYOUTS[Service.PROXY], None)
    before = renderer.render(senders.store.view).sources["a"]
    senders.send(1, miner_snapshot(miner(1), miner(2, hashrate=1.0)), 10)
    after = renderer.render(senders.store.view).sources["a"]
    assert after.rows[INFO] is before.rows[INFO]
    assert after.rows[HASHRATE] is not before.rows[HASHRATE]
    assert renderer.render(senders.store.view).sources["a"] is after


def test_a_detail_that_changes_is_rendered_though_no_value_does() -> None:
    senders = proxy(miner(1, address="h:1"))
    renderer = Renderer(LAYOUTS[Service.PROXY], None)
    renderer.render(senders.store.view)
    senders.send(1, miner_snapshot(miner(1, address="h:2")), 10)
    assert b'address="h:2"' in text(renderer.render(senders.store.view))


def test_rows_that_come_go_and_change_their_names_leave_the_lines_of_all_rows_right() -> None:
    first, second = (
        [(1, "a"), (2, "b"), (3, "c"), (5, "e")],
        [(2, "b"), (3, "x"), (4, "d"), (5, "e")],
    )
    senders = proxy(*(miner(id_, name=name) for id_, name in first))
    renderer = Renderer(LAYOUTS[Service.PROXY], None)
    renderer.render(senders.store.view)
    senders.send(1, miner_snapshot(*(miner(id_, name=name) for id_, name in second)), 10)
    found = samples(text(renderer.render(senders.store.view)))
    labels = [dict(labels) for name, labels in found if name == HASHRATE]
    assert [(int(one["downstream_id"]), one["name"]) for one in labels] == second


def test_lines_of_many_rows_are_joined_without_a_seam() -> None:
    count = 2 * CHUNK_ROWS + 1
    senders = proxy(*(miner(id_, hashrate=float(id_)) for id_ in range(count)))
    found = samples(text(rendered(senders.store.view, Service.PROXY)))
    hashrates = [value for (name, _), value in found.items() if name == HASHRATE]
    assert sorted(hashrates) == [float(id_) for id_ in range(count)]


def test_the_guard_shows_the_rows_of_the_highest_hashrate_and_keeps_totals_exact() -> None:
    rates = [3.0, None, 5.0, 1.0, 4.0]
    senders = proxy(*(miner(id_, hashrate=rate) for id_, rate in enumerate(rates)))
    found = samples(text(rendered(senders.store.view, Service.PROXY, max_rows=2)))
    shown = {dict(labels)["downstream_id"] for name, labels in found if name == INFO}
    assert shown == {"2", "4"}
    source = (("source", "a"),)
    assert found["stats_gateway_downstreams", source] == 5
    assert found["stats_gateway_downstreams_hidden", source] == 3
    assert found["stratum_proxy_hashrate_hashes_per_second", source] == 13.0
    assert found["stratum_proxy_miners", (*source, ("state", "active"))] == 5


def test_the_guard_bounds_the_services_that_a_pool_names() -> None:
    senders = Senders(Service.POOL)
    senders.hello(1, "a")
    services = [{"service_type": "Mint", "address": f"h:{port}"} for port in range(9)]
    senders.send(1, pool_status(status_proxy(1), services=services))
    for max_rows, shown in ((None, 9), (10, 9), (2, 2), (0, 0)):
        found = samples(text(rendered(senders.store.view, Service.POOL, max_rows)))
        assert sum(name == "stratum_pool_service_info" for name, _ in found) == shown
        assert found["stats_gateway_downstreams", (("source", "a"),)] == 1


def test_a_guard_that_is_not_reached_hides_nothing() -> None:
    senders = proxy(miner(1), miner(2))
    whole = text(rendered(senders.store.view, Service.PROXY))
    assert text(rendered(senders.store.view, Service.PROXY, max_rows=2)) == whole


def test_sums_that_no_double_can_hold_are_absent_and_stop_nothing() -> None:
    senders = proxy(miner(1, hashrate=1e308, work=1e308), miner(2, hashrate=1e308))
    found = samples(text(rendered(senders.store.view, Service.PROXY)))
    names = {name for name, _ in found}
    assert "stratum_proxy_hashrate_hashes_per_second" not in names
    assert "stratum_proxy_miner_work_hashes_total" not in names
    assert HASHRATE in names


@pytest.mark.parametrize("source", ["50%", "%s", "%(a)d", "a{b}"])
def test_any_source_name_is_a_label(source: str) -> None:
    found = samples(text(rendered(proxy(miner(1), source=source).store.view, Service.PROXY)))
    assert (
        HASHRATE,
        (("downstream_id", "1"), ("name", "farm1.rig-1"), ("source", source)),
    ) in found
