"""Scrapes, rules and boards in a cluster: those of Prometheus and Grafana elsewhere."""

import json
import subprocess
from pathlib import Path

import yaml

from stats_gateway.wire.services import Service
from tests.deploy.cluster import Cluster
from tests.support.programs import ROOT, program

MOST_BYTES = 1 << 20
"""Of one ConfigMap: what etcd takes."""

LABELS_OF_A_POD = ("namespace", "service", "pod", "container", "endpoint")
"""What the operator adds to the series of a ServiceMonitor, beside job and instance."""


def test_rules_in_the_cluster_are_the_rules_of_prometheus(cluster: Cluster) -> None:
    files = {f"stratum-{path.stem}": path for path in (ROOT / "prometheus/rules").glob("*.yml")}
    assert {name: one["spec"] for name, one in cluster.of("PrometheusRule").items()} == {
        name: yaml.safe_load(path.read_text()) for name, path in files.items()
    }


def test_scrapes_in_the_cluster_are_those_of_prometheus(cluster: Cluster) -> None:
    (monitor,) = (one["spec"] for one in cluster.of("ServiceMonitor").values())
    (endpoint,) = monitor["endpoints"]
    said = {
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "body_size_limit": monitor["bodySizeLimit"],
        "sample_limit": monitor["sampleLimit"],
        "label_limit": monitor["labelLimit"],
        "label_name_length_limit": monitor["labelNameLengthLimit"],
        "label_value_length_limit": monitor["labelValueLengthLimit"],
    }
    configuration = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    jobs = {job.pop("job_name"): job for job in configuration["scrape_configs"]}
    scraped = {}
    for service in cluster.of("Service").values():
        labels = service["metadata"]["labels"]
        names = {port["name"] for port in service["spec"]["ports"]}
        if (
            monitor["selector"]["matchLabels"].items() <= labels.items()
            and endpoint["port"] in names
        ):
            job = labels[monitor["jobLabel"]]
            assert job not in scraped, "each replica would be scraped twice"
            scraped[job] = said | {"static_configs": jobs[job]["static_configs"]}
    assert scraped == {service.value: jobs[service.value] for service in Service}


def test_series_in_the_cluster_have_the_labels_that_rules_know(
    cluster: Cluster, tmp_path: Path
) -> None:
    (monitor,) = (one["spec"] for one in cluster.of("ServiceMonitor").values())
    spelled = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    target = {"__meta_kubernetes_pod_name": "stats-proxy-1", "job": "stats-proxy"}
    job = {
        "job_name": "cluster",
        "static_configs": [
            {"targets": ["10.0.0.7:8084"], "labels": target | dict.fromkeys(LABELS_OF_A_POD, "x")}
        ],
        "relabel_configs": [
            {spelled.get(key, key): value for key, value in step.items()}
            for step in monitor["endpoints"][0]["relabelings"]
        ],
    }
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    found = subprocess.run(
        [program("promtool"), "check", "service-discovery", "--timeout=1s", file, "cluster"],
        capture_output=True,
        check=True,
    )
    (scraped,) = json.loads(found.stdout)
    assert {key: value for key, value in scraped["labels"].items() if key[:2] != "__"} == {
        "job": "stats-proxy",
        "instance": "stats-proxy-1",
    }


def test_every_board_is_a_configmap_for_the_sidecar(cluster: Cluster) -> None:
    boards = {path.name: path.read_text() for path in (ROOT / "grafana/dashboards").glob("*.json")}
    found = {}
    for one in cluster.of("ConfigMap").values():
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            ((name, text),) = one["data"].items()
            found[name.removeprefix("stratum-")] = text
            assert len(json.dumps(one)) < MOST_BYTES
    assert found == boards
