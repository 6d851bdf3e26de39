"""The past that boards are drawn over: a real Prometheus has it as if it had watched."""

from pathlib import Path

import pytest

from grafana.drawing.past.__main__ import evaluate, in_order, scrapes
from tests.grafana.prometheus import Prometheus
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BEGIN, END = 1_730_488_800, 1_730_488_800 + 1500
"""Longer than the source that falls silent at the end is silent."""


def test_the_past_has_records_alerts_and_series_that_ended(tmp_path: Path) -> None:
    [port] = free_ports(1)
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text("storage: {tsdb: {out_of_order_time_window: 48h}}")
    command = [program("prometheus"), f"--config.file={configuration}"]
    command += [f"--storage.tsdb.path={tmp_path}/data", "--web.enable-remote-write-receiver"]
    command += ["--storage.tsdb.retention.time=20y", f"--web.listen-address={LOOPBACK}:{port}"]
    with running(command, tmp_path / "log", port):
        url, prometheus = f"http://{LOOPBACK}:{port}", Prometheus(port)
        scrapes(url, BEGIN, END)
        for rule in in_order():
            evaluate(url, rule, BEGIN, END)

        def sources(selector: str) -> set[str]:
            found = prometheus.now(f"{selector} @ {END}")
            return {sample.labels["source"] for sample in found}

        assert sources("stratum_proxy_miners") == {"translator-1", "translator-2"}
        record = "source:stratum_proxy_hashrate_hashes_per_second:avg5m"
        assert sources(record) == {"translator-1", "translator-2"}
        assert sources('ALERTS{alertname="StatsGatewaySourceStale"}') == {"translator-3"}
