"""Snapshots become the samples that Prometheus would have stored of a service, without either."""

from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Generic, Literal

from exporters.exposition.families.family import Kind, Layout, RowFamily, RowsT
from stats_gateway.clock import Now
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.sender import Snapshot
from stats_gateway.sender.wire import Hello, encode_hello, encode_snapshot
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from stats_history.converting.families import Family
from stats_history.writing.openmetrics import Exposition, labels_text

LENGTH_BYTES = 4
"""What comes before the payload of a frame."""

KINDS: dict[Kind, Literal["gauge", "counter"]] = {Kind.GAUGE: "gauge", Kind.COUNTER: "counter"}

Labels = tuple[str | None, ...]
"""The values of the labels of one series, in the order of its family; None for one it lacks."""


class Scrapes(Generic[RowsT]):
    """The samples of one source by family and series, until they are written.

    Snapshots go the way they go in the service: taken in, and told by the service's own families.
    """

    def __init__(
        self, service: Service, layout: Layout[RowsT], source: str, *, job: str, instance: str
    ) -> None:
        self._layout = layout
        self._source = source
        self._scrape = {"job": job, "instance": instance}
        self._intake = Intake(Store(service, Limits()), Limits())
        self._peer = self._intake.connect(1, "127.0.0.1")
        self._take(encode_hello(Hello(source=source, interval=10.0)), 0)
        families = (*layout.source_families, *layout.row_families)
        self._found: dict[str, dict[Labels, list[tuple[int, float]]]] = {
            one.name: defaultdict(list) for one in families
        }

    def scrape(self, snapshot: Snapshot, now: int, without: Container[str] = ()) -> None:
        """Take a snapshot in at `now`, in unix seconds, and keep its samples.

        `without` names the families to leave out.
        """
        self._take(encode_snapshot(snapshot), now)
        source = self._intake.store.view.sources[self._source]
        for one in self._layout.source_families:
            if one.name not in without:
                for labels, value in one.samples(source, 0):
                    self._found[one.name][self._source, *labels].append((now, value))
        rows = self._layout.rows(source)
        if rows is not None:
            for each in self._layout.row_families:
                if each.name not in without:
                    self._keep_rows(each, rows, now)

    def write(self, out: Exposition) -> None:
        """Write everything, and keep nothing of it."""
        for one in (*self._layout.source_families, *self._layout.row_families):
            family = Family(one.name, KINDS[one.kind], one.help)
            for values, samples in self._found[one.name].items():
                pairs = zip(one.labels, values, strict=True)
                known = {name: value for name, value in pairs if value is not None}
                out.write(family, labels_text({**self._scrape, **known}), samples)
            self._found[one.name].clear()

    def _take(self, frame: bytes, now: int) -> None:
        at, payload = Now(monotonic=now, unix=now), frame[LENGTH_BYTES:]
        reading = self._intake.read(payload, Encoding.FRAMES, self._peer, at)
        self._intake.accept(reading, self._peer, at)

    def _keep_rows(self, one: RowFamily[RowsT], rows: RowsT, now: int) -> None:
        series = self._found[one.name]
        third = self._layout.third_label(rows)
        details = [values(rows) for _, values in one.details]
        found = one.values(rows)
        columns = found.items() if isinstance(found, Mapping) else [(None, found)]
        for reason, column in columns:
            of_reason = () if reason is None else (reason.value,)
            for index, value in enumerate(column):
                if value is not None:
                    identity = self._source, str(rows.downstream_id[index]), third[index]
                    further = *(texts[index] for texts in details), *of_reason
                    series[*identity, *further].append((now, value))
