"""What Grafana is given besides the boards."""

from typing import Any

import yaml

from tests.grafana.boards import GRAFANA, ROOT


def provisioned(kind: str) -> Any:  # noqa: ANN401 - as many shapes as files
    [file] = (GRAFANA / "provisioning" / kind).glob("*.yml")
    return yaml.safe_load(file.read_text())


def test_the_boards_cannot_be_changed_in_the_browser() -> None:
    [provider] = provisioned("dashboards")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["folder"] == "Stratum"


def test_data_sources_are_fixed_and_their_addresses_are_not() -> None:
    sources = {source["uid"]: source for source in provisioned("datasources")["datasources"]}
    assert sources["prometheus"]["isDefault"] is True
    assert {uid: source["url"] for uid, source in sources.items()} == {
        "prometheus": "$PROMETHEUS_URL",
        "alertmanager": "$ALERTMANAGER_URL",
    }
    assert all(source["editable"] is False for source in sources.values())


def test_grafana_knows_how_often_the_services_are_scraped() -> None:
    """Grafana takes four of these intervals for a rate; with a wrong one, lines get holes."""
    configuration = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    [prometheus] = [
        s for s in provisioned("datasources")["datasources"] if s["type"] == "prometheus"
    ]
    assert {jobs[name]["scrape_interval"] for name in ("stats-proxy", "stats-pool")} == {
        prometheus["jsonData"]["timeInterval"]
    }
