"""Every contestant of the comparison exposes the same."""

import gzip

from prometheus_client.parser import text_string_to_metric_families

from benchmarks import fleet
from benchmarks.cycle import Cycle
from benchmarks.racer import Families, Gauges
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import inflate

MINERS = 7


def row_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of miners by name and labels, whatever source they are of."""
    names = {family.name for family in LAYOUT.row_families}
    return {
        (sample.name, frozenset({**sample.labels, "source": ""}.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in names
    }


def test_ours_and_both_of_prometheus_client_expose_the_same_samples() -> None:
    frame = next(fleet.frames(MINERS))
    cycle = Cycle()
    cycle.run(frame)
    ours = row_samples(b"".join(inflate(cycle.body)).decode())
    assert len(ours) == MINERS * len(LAYOUT.row_families)
    for peer in (Gauges(), Families()):
        assert row_samples(gzip.decompress(peer.run(frame)).decode()) == ours


def test_a_second_cycle_replaces_the_first() -> None:
    frames = fleet.frames(MINERS)
    next(frames)
    second = next(frames)
    fresh, used = Gauges(), Gauges()
    used.run(next(fleet.frames(MINERS + 1)))
    texts = [gzip.decompress(gauges.run(second)).decode() for gauges in (fresh, used)]
    assert row_samples(texts[0]) == row_samples(texts[1])
