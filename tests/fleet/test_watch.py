"""A site that falls silent is told of in time, by Prometheus and by vmalert alike."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fleet.agreement import Stores, flush
from tests.fleet.shipped import RULES, loaded, watch
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, asked

pytestmark = pytest.mark.slow

(SILENT, _) = loaded(RULES)["groups"][0]["rules"]
WITHIN_SECONDS = 120
STEP = 15


def test_a_site_that_dies_is_told_of_within_two_minutes(stores: Stores, tmp_path: Path) -> None:
    """vmalert evaluates the shipped rules over what the store holds, as if it had been there."""
    before = last_heard(stores.victoria_metrics, "farm-01", stores.end)
    replay(stores, tmp_path)
    fired = 'ALERTS{alertname="StatsFleetSiteSilent", alertstate="firing", site="farm-01"}'
    first, *_ = times(stores.victoria_metrics, fired, stores.end)
    assert 0 < first - before <= WITHIN_SECONDS
    fired = 'group by (site) (ALERTS{alertname="StatsFleetSiteSilent", alertstate="firing"})'
    found = asked(stores.victoria_metrics, "query", query=fired, time=first + STEP)["result"]
    sites = {one["metric"]["site"] for one in found}
    assert sites == {"farm-01", "farm-06"}, "one that is gone for a day is missed no more"


def test_both_engines_hold_the_same_sites_for_silent(stores: Stores) -> None:
    for at in range(stores.end - 600, stores.end, STEP):
        one, other = (
            asked(port, "query", query=SILENT["expr"], time=at)["result"]
            for port in (stores.prometheus, stores.victoria_metrics)
        )
        assert sorted(sample["metric"]["site"] for sample in one) == sorted(
            sample["metric"]["site"] for sample in other
        )


def test_vmalert_accepts_the_rules_and_its_shipped_flags(tmp_path: Path) -> None:
    command = [*watch(RULES, *free_ports(2)), "-dryRun"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def last_heard(port: int, site: str, end: int) -> float:
    heartbeat = f'ALERTS{{alertname="StatsGatewayWatchdog", site="{site}"}}'
    return times(port, heartbeat, end)[-1]


def times(port: int, selector: str, end: int) -> list[float]:
    """When the one series had samples in the hour before `end`, oldest first."""
    (found,) = asked(port, "query", query=f"{selector}[1h]", time=end)["result"]
    return [float(at) for at, _ in found["values"]]


def replay(stores: Stores, folder: Path) -> None:
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (stores.end - 900, stores.end))
    store = f"http://{LOOPBACK}:{stores.victoria_metrics}"
    command = [program("vmalert"), f"-rule={RULES}", f"-datasource.url={store}"]
    command += [f"-remoteWrite.url={store}", "-disableAlertgroupLabel"]
    command += [f"-datasource.queryStep={STEP}s"]  # what newer ones take from the group
    command += [f"-replay.timeFrom={begin:%Y-%m-%dT%H:%M:%SZ}"]
    command += [f"-replay.timeTo={end:%Y-%m-%dT%H:%M:%SZ}", "-replay.rulesDelay=2s"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    flush(stores.victoria_metrics)
