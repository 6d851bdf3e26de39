"""Every contestant of the comparison exposes the same."""

import gzip

import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.alternatives.racer import Families, Gauges
from benchmarks.common import fleet
from benchmarks.cycles.cycle import Cycle, unframe
from benchmarks.cycles.unavoidable import Unavoidable
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import inflate

MINERS = 7
UNKNOWN = {("agent", "")}
"""prometheus-client writes a label that is unknown, and the service leaves it out."""


def row_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of miners by name and known labels, whatever source they are of."""
    names = {family.name for family in LAYOUT.row_families}
    return {
        (sample.name, frozenset({**sample.labels, "source": ""}.items() - UNKNOWN)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in names
    }


@pytest.mark.parametrize("shape", fleet.Shape)
def test_ours_and_both_of_prometheus_client_expose_the_same_samples(shape: fleet.Shape) -> None:
    message = next(fleet.messages(MINERS, shape))
    cycle = Cycle(shape.encoding)
    cycle.run(message)
    ours = row_samples(b"".join(inflate(cycle.body)).decode())
    assert len(ours) == MINERS * (4 if shape is fleet.Shape.PLAIN else 7)
    for peer in (Gauges(shape.encoding), Families(shape.encoding)):
        assert row_samples(gzip.decompress(peer.run(message)).decode()) == ours


def test_a_second_cycle_replaces_the_first() -> None:
    messages = fleet.messages(MINERS, fleet.Shape.FULL)
    next(messages)
    second = next(messages)
    fresh, used = Gauges(), Gauges()
    used.run(next(fleet.messages(MINERS + 1, fleet.Shape.FULL)))
    texts = [gzip.decompress(gauges.run(second)).decode() for gauges in (fresh, used)]
    assert row_samples(texts[0]) == row_samples(texts[1])


@pytest.mark.parametrize("shape", fleet.Shape)
def test_what_cannot_be_avoided_is_done_with_every_shape(shape: fleet.Shape) -> None:
    message = next(fleet.messages(MINERS, shape))
    costs = Unavoidable(shape).run(unframe(message), b"text" * 1000)
    assert list(costs) == ["decode", "copy", "compress"]
