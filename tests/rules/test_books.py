"""The measured hashrate of sources, held against fleets that keep their own books.

Churn, reconnects, restarts and outages of every part between a miner and a board, over two hours of
simulated time, evaluated by Prometheus' own engine.
"""

import json
import subprocess
from pathlib import Path

import pytest
from yaml import safe_load

from tests.rules.books import Accidents, Plan, run
from tests.support.programs import program

FOLDER = Path(__file__).resolve().parents[2] / "prometheus" / "rules"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RULES, ALERTS = FOLDER / "recording.yml", FOLDER / "alerts.yml"
GROUPS = [
    group["name"] for file in (RULES, ALERTS) for group in safe_load(file.read_text())["groups"]
]
STEP_SECONDS = 30
"""promtool evaluates every group at every step, also those that run once an hour."""

BELONGS = "job_source_name:stratum_proxy_mined:hours >= {}"
SECONDS = 2 * 3600
SEED = 7
ACCIDENTS = Accidents(
    sender=((2407, 2427), (4207, 4407)),
    feed=((5407, 5607),),
    service=((1207, 1211), (3007, 3207)),
    prometheus=((6307, 6507),),
)
AVERAGE = "source:stratum_proxy_hashrate_hashes_per_second:avg5m"
ERROR = f"""
    {AVERAGE}
  / on (job, instance, source)
    max without (window) (last_over_time(truth[10s]))
  - 1
"""
NEVER_SEEN_SECONDS = 900
"""For so long, at most, a source has no average: the outages, and until the rows are known."""


def fails(
    plan: Plan,
    folder: Path,
    seconds: int,
    *expressions: str,
    rules: tuple[Path, ...] = (RULES,),
    promtool: str = "promtool",
) -> str:
    """What promtool says of the expressions, each of which must give nothing at the end."""
    end = f"{seconds}s"
    test = {
        "interval": "1s",
        "input_series": run(plan, seconds, SEED),
        "promql_expr_test": [{"expr": one, "eval_time": end} for one in expressions],
    }
    suite = {
        "rule_files": [str(file) for file in rules],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "group_eval_order": GROUPS,
        "tests": [test],
    }
    file = folder / "books.yml"
    file.write_text(json.dumps(suite))  # JSON is YAML
    command = [program(promtool), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("plan", "mean", "worst"),
    [
        (Plan("calm", accidents=ACCIDENTS, rows=False), 0.001, 0.01),
        (Plan("churn", churn_per_minute=2, accidents=ACCIDENTS, rows=False), 0.002, 0.05),
        (Plan("storm", churn_per_minute=20, accidents=ACCIDENTS, rows=False), 0.005, 0.08),
        (Plan("rows", churn_per_minute=2, accidents=ACCIDENTS, totals=False), 0.04, 0.2),
    ],
    ids=lambda value: value.source if isinstance(value, Plan) else "",
)
def test_the_average_is_what_the_books_say(
    plan: Plan, mean: float, worst: float, tmp_path: Path
) -> None:
    steps = f"[{SECONDS}s:30s]"
    known = (SECONDS - NEVER_SEEN_SECONDS) // 30
    found = fails(
        plan,
        tmp_path,
        SECONDS,
        f"abs(avg_over_time(({ERROR}){steps})) > {mean}",
        f"max_over_time(abs({ERROR}){steps}) > {worst}",
        f"count_over_time({AVERAGE}{steps}) < {known}",
        f"count_over_time(({AVERAGE} == 0){steps})",
    )
    assert not found, found[-2000:]


@pytest.mark.parametrize("promtool", ["promtool", "promtool3"])
def test_a_fleet_without_totals_that_changes_every_two_minutes_reads_4_percent_low_at_most(
    promtool: str, tmp_path: Path
) -> None:
    plan = Plan("storm-rows", churn_per_minute=20, reconnects_per_minute=2, totals=False)
    steps = "[1800s:30s]"
    found = fails(
        plan,
        tmp_path,
        1800,
        f"abs(avg_over_time(({ERROR}){steps})) > 0.04",
        f"max_over_time(abs({ERROR}){steps}) > 0.1",
        promtool=promtool,
    )
    assert not found, found[-2000:]


@pytest.mark.parametrize("totals", [True, False], ids=["totals", "rows"])
def test_an_hour_of_ordinary_life_fires_nothing(totals: bool, tmp_path: Path) -> None:
    """Churn, reconnects, share luck, two deploys of the service and one of the translator."""
    deploys = Accidents(service=((1203, 1208), (2403, 2428)), sender=((1803, 1823),))
    plan = Plan(
        "life", churn_per_minute=2, reconnects_per_minute=0.25, totals=totals, accidents=deploys
    )
    text = ALERTS.read_text()
    assert BELONGS.format(4) in text
    alerts = tmp_path / "alerts.yml"
    alerts.write_text(text.replace(BELONGS.format(4), BELONGS.format(4 * 3600 // STEP_SECONDS)))
    fired = 'ALERTS{alertstate="firing", alertname!="StatsGatewayWatchdog"}'
    watched = 'ALERTS{alertname="StatsGatewayWatchdog"}'
    found = fails(
        plan,
        tmp_path,
        3600,
        f"count by (alertname, name, job, source) (present_over_time({fired}[1h]))",
        f"absent({watched})",
        rules=(RULES, alerts),
        promtool="promtool3",
    )
    assert not found, found[-2000:]
