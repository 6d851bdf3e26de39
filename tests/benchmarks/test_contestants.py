"""Every contestant of the comparison exposes the same."""

import gzip
from itertools import islice

import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.alternatives.racer import Families, Gauges
from benchmarks.common import fleet
from benchmarks.cycles.cycle import Cycle, unframe
from benchmarks.cycles.unavoidable import Unavoidable
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import inflate

MINERS = 7
SEEN = "stratum_proxy_miner_last_share_timestamp_seconds"
"""Where nothing was sent, this is the time at which the shares were seen to grow."""
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


@pytest.mark.parametrize(("shape", "each"), [*zip(fleet.Shape, (5, 16, 16), strict=True)])
def test_ours_and_both_of_prometheus_client_expose_the_same_series_and_what_was_sent(
    shape: fleet.Shape, each: int
) -> None:
    messages = list(islice(fleet.messages(MINERS, shape), 2))
    cycle, peers = Cycle(shape.encoding), (Gauges(shape.encoding), Families(shape.encoding))
    for message in messages:
        cycle.run(message)
        texts = [gzip.decompress(peer.run(message)).decode() for peer in peers]
    ours = row_samples(b"".join(inflate(cycle.body)).decode())
    assert len(ours) == MINERS * each
    for theirs in map(row_samples, texts):
        assert theirs.keys() == ours.keys()
        for (name, labels), value in theirs.items():
            if shape is not fleet.Shape.PLAIN or name != SEEN:
                assert value == ours[name, labels]


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
