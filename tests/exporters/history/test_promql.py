"""Rules of the question that series with an end show best: promtool can write one."""

import json
import subprocess
from pathlib import Path

import pytest

from exporters.history.promql import FAMILIES, Subject, hashrate
from stats_gateway.wire.services import Service
from tests.support.programs import program

STEP = 60
MINUTES = 10
PER_MINUTE = 4
"""Samples: one every 15 s."""

Series = dict[str, str]

CONNECTIONS = "stratum_pool_connections"
TOTAL = "stratum_pool_hashrate_hashes_per_second"
ROW = "stratum_pool_connection"

TRANSLATOR = 'source="p",connection_type="Translator"'
DECLARATOR = 'source="p",connection_type="Job Declarator"'
MINT = 'source="p",connection_type="Mint"'


def counter(per_second: int, minutes: int = MINUTES, after: int = 0) -> str:
    """From `after` minutes on it grows, for some minutes, and then it ends."""
    return f"{unborn(after)}0+{15 * per_second}x{minutes * PER_MINUTE - 1} stale"


def gauge(value: int, minutes: int = MINUTES, after: int = 0) -> str:
    """From `after` minutes on it is `value`, for some minutes, and then it ends."""
    return f"{unborn(after)}{value}x{minutes * PER_MINUTE - 1} stale"


def unborn(minutes: int) -> str:
    return f"_x{minutes * PER_MINUTE} " if minutes else ""


def row(labels: str, id_: int, work: str | None, declared: str) -> Series:
    """One connection of the pool."""
    labels = f'{{{labels},downstream_id="{id_}"}}'
    series = {
        f"{ROW}_hashrate_hashes_per_second{labels}": declared,
        f"{ROW}_shares_submitted_total{labels}": declared,
    }
    return series if work is None else series | {f"{ROW}_work_hashes_total{labels}": work}


def check(
    tmp_path: Path,
    series: Series,
    expected: dict[int, float | None],
    subject: Subject | None = None,
) -> None:
    """Have promtool evaluate the pool's question at some minutes."""
    # Rounded, since the last bit of a rate differs between versions of Prometheus.
    expression = f"round({hashrate(FAMILIES[Service.POOL], subject or Subject(), STEP)}, 0.001)"
    tests = {
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": v} for name, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": expression,
                        "eval_time": f"{minute}m",
                        "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
                    }
                    for minute, value in expected.items()
                ],
            }
        ]
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(tests))
    ran = subprocess.run(
        [program("promtool"), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_total_is_of_what_mines_and_not_of_mints(tmp_path: Path) -> None:
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": gauge(1),
        f"{CONNECTIONS}{{{MINT}}}": gauge(1),
        f'{TOTAL}{{source="p"}}': gauge(90),
        **row(TRANSLATOR, 1, counter(100), gauge(90)),
        **row(MINT, 2, None, gauge(0)),
    }
    check(tmp_path, series, {5: 100})


def test_what_left_is_in_no_later_point_and_what_came_back_counts_once(tmp_path: Path) -> None:
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": gauge(1),
        f"{CONNECTIONS}{{{DECLARATOR}}}": "1x15 0x24",
        f'{TOTAL}{{source="p"}}': gauge(90),
        **row(TRANSLATOR, 1, counter(100, 4), gauge(90, 4)),
        **row(TRANSLATOR, 2, counter(100, 6, after=4), gauge(90, 6, after=4)),
        **row(DECLARATOR, 3, counter(50, 4), gauge(45, 4)),
    }
    check(tmp_path, series, {3: 150, 6: 100, 8: 100})
    check(tmp_path, series, {3: 100, 6: None}, Subject().of("downstream_id", "1"))


@pytest.mark.parametrize("rows", [2, 3])
def test_where_a_row_is_hidden_or_does_not_tell_its_work_the_declared_total_stands_in(
    tmp_path: Path, rows: int
) -> None:
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": gauge(rows),
        f'{TOTAL}{{source="p"}}': gauge(190),
        **row(TRANSLATOR, 1, counter(100), gauge(90)),
        **row(TRANSLATOR, 2, None if rows == 2 else counter(100), gauge(100)),
    }
    check(tmp_path, series, {5: 190})


def test_a_step_that_is_known_in_part_is_the_average_of_that_part(tmp_path: Path) -> None:
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": f"{unborn(2)}_ _ 1x100",
        f'{TOTAL}{{source="p"}}': f"{unborn(2)}_ _ 90x100",
        **row(TRANSLATOR, 1, f"{unborn(2)}_ _ 0+1500x100", f"{unborn(2)}_ _ 90x100"),
    }
    check(tmp_path, series, {2: None, 3: 90, 4: 100})


def test_a_source_that_comes_back_under_another_name_is_not_counted_twice(tmp_path: Path) -> None:
    other = TRANSLATOR.replace('"p"', '"q"')
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": f"1x{4 * PER_MINUTE + 1} stale",
        f'{TOTAL}{{source="p"}}': f"90x{4 * PER_MINUTE + 1} stale",
        f"{CONNECTIONS}{{{other}}}": f"{unborn(4)}_ _ 1x100",
        f'{TOTAL}{{source="q"}}': f"{unborn(4)}_ _ 90x100",
    }
    check(tmp_path, series, {4: 90, 5: 90, 6: 90})


def test_what_nothing_is_known_of_has_no_point_and_no_miners_have_a_zero(tmp_path: Path) -> None:
    series = {
        f"{CONNECTIONS}{{{TRANSLATOR}}}": "0x12 stale",
        f'{TOTAL}{{source="p"}}': "0x12 stale",
    }
    check(tmp_path, series, {2: 0, 5: None})
