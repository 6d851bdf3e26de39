"""One answer of `/metrics`, parsed by prometheus-client, and how to look things up in it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

ROW_IDENTITIES = {
    "stratum_proxy_miner_info": "name",
    "stratum_pool_connection_info": "connection_type",
}
"""The families with one sample for each row, and the label that names it beside its id."""

ABOUT_SOURCES = ("stratum_", "stats_gateway_source_", "stats_gateway_downstreams")


@dataclass(frozen=True)
class Scrape:
    """Samples by name; no two of them have the same name and labels."""

    samples: Mapping[str, list[Sample]]
    text: str

    @classmethod
    def parse(cls, text: str, content_type: str) -> "Scrape":
        """Read `text` as what `content_type` says it is. Raises ValueError."""
        by_name: dict[str, list[Sample]] = {}
        seen = set()
        for family in _families(text, content_type):
            for sample in family.samples:
                series = (sample.name, *sorted(sample.labels.items()))
                assert series not in seen, f"twice in one scrape: {series}"
                seen.add(series)
                by_name.setdefault(sample.name, []).append(sample)
        return cls(by_name, text)

    def find(self, name: str, /, **labels: str) -> list[Sample]:
        """The samples of `name` that have `labels`, among others."""
        return [
            sample
            for sample in self.samples.get(name, ())
            if labels.items() <= sample.labels.items()
        ]

    def value(self, name: str, /, **labels: str) -> float | None:
        """The value of the one such sample; None where there is none."""
        found = self.find(name, **labels)
        assert len(found) <= 1, found
        return found[0].value if found else None

    def values(self, name: str, label: str, /, **labels: str) -> dict[str, float]:
        """The values of such samples by one more label."""
        found = self.find(name, **labels)
        values = {sample.labels[label]: sample.value for sample in found}
        assert len(values) == len(found), found
        return values

    def gained(self, since: "Scrape", name: str, label: str) -> dict[str, float]:
        """By how much the counters of `name` grew, those that did, by `label`."""
        before = since.values(name, label)
        growth = {key: count - before[key] for key, count in self.values(name, label).items()}
        return {key: count for key, count in growth.items() if count}

    def names(self, source: str | None = None) -> list[str]:
        """The names of the miners, of one source or of all, sorted."""
        labels = {} if source is None else {"source": source}
        rows = self.find("stratum_proxy_miner_info", **labels)
        return sorted(row.labels["name"] for row in rows)

    def sources(self) -> dict[str, bool]:
        """Each source, and whether it is up."""
        up = self.values("stats_gateway_source_up", "source")
        return {source: value == 1 for source, value in up.items()}

    def rows_shown_twice(self) -> list[object]:
        """Rows that more than one source shows: the same sender, seen as two."""
        rows = Counter(
            (row.labels["downstream_id"], row.labels[label])
            for name, label in ROW_IDENTITIES.items()
            for row in self.find(name)
        )
        return [row for row, count in rows.items() if count > 1]

    def about_source(self, source: str) -> list[Sample]:
        """Every sample labelled with `source`."""
        return [
            sample
            for samples in self.samples.values()
            for sample in samples
            if sample.labels.get("source") == source
        ]

    def story(self) -> list[str]:
        """The sample lines about sources: all but what a service says of itself, as they are."""
        return [line for line in self.text.splitlines() if line.startswith(ABOUT_SOURCES)]


def _families(text: str, content_type: str) -> Iterable[Metric]:
    if content_type.startswith("application/openmetrics-text"):
        return parse_openmetrics(text)  # type: ignore[no-any-return,no-untyped-call]  # untyped there
    return parse_text(text)
