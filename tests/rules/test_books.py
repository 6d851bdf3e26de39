"""The measured hashrate of sources, held against fleets that keep their own books.

Churn, reconnects, restarts and outages of every part between a miner and a board, over two hours of
simulated time, evaluated by Prometheus' own engine.
"""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rules.books import Accidents, Plan, run
from tests.support.programs import program
from tests.support.yaml_files import read_yaml

FOLDER = Path(__file__).resolve().parents[2] / "prometheus" / "rules"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RULES, ALERTS = FOLDER / "recording.yml", FOLDER / "alerts.yml"
GROUPS = [group["name"] for file in (RULES, ALERTS) for group in read_yaml(file)["groups"]]
STEP_SECONDS = 30
"""promtool evaluates every group at every step, also those that run once an hour."""

BELONGS = "job_source_name:stratum_proxy_mined:hours >= {}"
SEED = 7
HOURS, HALF = 7200, 1800
ACCIDENTS = {
    HOURS: Accidents(
        sender=((2407, 2427), (2467, 2475), (4207, 4407)),
        feed=((5407, 5607),),
        service=((1207, 1211), (3007, 3207)),
        prometheus=((6307, 6507),),
    ),
    HALF: Accidents(sender=((1507, 1527),), service=((507, 707),), prometheus=((1007, 1207),)),
}
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


CALM = Plan("calm", miners=10)
CHURN = Plan("churn", churn_per_minute=2, reconnects_per_minute=1)
STORM = Plan("storm", churn_per_minute=20, reconnects_per_minute=2)
TOTALS = (1e-9, 0.01)
"""By how much a record may be wrong 98 times of 100, and at the worst: by totals not at all, but in
the first minute, when the declared hashrate stands in, and after two restarts within a minute. By
rows it is a little more: what a row did after it was last seen is estimated, without a bias, also
before a sender's death, where the books count nothing."""


def sent(plan: Plan, *, totals: bool) -> Plan:
    """A sender that tells totals, or rows."""
    kind = "totals" if totals else "rows"
    return replace(plan, source=f"{plan.source}-{kind}", totals=totals, rows=not totals)


@pytest.mark.parametrize(
    ("plan", "seconds", "bounds", "promtool"),
    [
        (sent(CALM, totals=True), HOURS, TOTALS, "promtool"),
        (sent(CHURN, totals=True), HOURS, TOTALS, "promtool"),
        (sent(STORM, totals=True), HOURS, TOTALS, "promtool"),
        (sent(STORM, totals=True), HOURS, TOTALS, "promtool3"),
        (sent(CALM, totals=False), HOURS, (0.004, 0.005), "promtool3"),
        (sent(CHURN, totals=False), HOURS, (0.015, 0.015), "promtool3"),
        (sent(STORM, totals=False), HALF, (0.02, 0.02), "promtool"),
        (sent(STORM, totals=False), HALF, (0.02, 0.02), "promtool3"),
    ],
    ids=lambda value: value.source if isinstance(value, Plan) else str(value),
)
def test_the_average_is_what_the_books_say(
    plan: Plan, seconds: int, bounds: tuple[float, float], promtool: str, tmp_path: Path
) -> None:
    usual, worst = bounds
    steps = f"[{seconds}s:30s]"
    found = fails(
        replace(plan, accidents=ACCIDENTS[seconds]),
        tmp_path,
        seconds,
        f"quantile_over_time(0.98, abs({ERROR}){steps}) > {usual}",
        f"max_over_time(abs({ERROR}){steps}) > {worst}",
        f"count_over_time({AVERAGE}{steps}) < {(seconds - NEVER_SEEN_SECONDS) // 30}",
        f"count_over_time(({AVERAGE} == 0){steps})",
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
