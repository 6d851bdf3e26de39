"""What an OpenMetrics file holds, read by prometheus-client's strict parser."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[float, float]]]


def samples_of(*files: Path) -> Samples:
    """The (timestamp, value) samples of each series, over all files in the order given."""
    found: Samples = {}
    for file in files:
        text = file.read_text("utf-8")
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call] # theirs
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert sample.timestamp is not None
                found.setdefault(key, []).append((float(sample.timestamp), sample.value))
    return found


def series(found: Samples, family: str, /, **labels: str) -> list[tuple[float, float]]:
    """The samples of the one series with this name and at least these labels."""
    [only] = [
        samples
        for (name, own), samples in found.items()
        if name == family and own >= frozenset(labels.items())
    ]
    return only


def label_values(found: Samples, family: str, label: str) -> set[str]:
    """The values that a label takes in a family."""
    return {dict(own)[label] for name, own in found if name == family}


def in_time_order(paths: Iterable[Path]) -> list[Path]:
    """Slice files, whose names begin with the time they begin at."""
    return sorted(paths, key=lambda path: int(path.name.split("-")[0]))
