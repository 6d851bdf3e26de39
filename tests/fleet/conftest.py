"""Two stores of many sites, of either kind, that hold the same."""

import time
from collections.abc import Iterator

import pytest

from grafana.drawing.past.remote_write import write
from tests.fleet.agreement import Stores, flush
from tests.fleet.records import fleet
from tests.fleet.shipped import receiver, store
from tests.support.ports import free_ports
from tests.support.servers import LOOPBACK, running

AT_ONCE = 100
"""Series in one request: a few hundred kilobytes."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Both, with all that the twelve sites have written."""
    folder = tmp_path_factory.mktemp("stores")
    configuration = folder / "prometheus.yml"
    configuration.write_text("storage: {tsdb: {out_of_order_time_window: 48h}}")
    one, other = free_ports(2)
    end = int(time.time()) // 60 * 60 - 60
    with (
        running(receiver(folder, one, configuration), folder / "prometheus.log", one),
        running(store(folder, other), folder / "victoria-metrics.log", other),
    ):
        for port in (one, other):
            fill(port, end)
        flush(other)
        yield Stores(one, other, end)


def fill(port: int, end: int) -> None:
    """Write what the twelve sites have told up to `end`."""
    items = list(fleet(end).items())
    for begin in range(0, len(items), AT_ONCE):
        write(f"http://{LOOPBACK}:{port}", dict(items[begin : begin + AT_ONCE]))
