"""What the panels' queries say of fleets that are easy to get wrong, worked out by hand.

Prometheus' own engine evaluates them, over series written here: `A+BxN` begins at A and grows by B.
One sample a minute, evaluated at minute 30, so that `time()` is 1800.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.grafana.boards import fill, panel_queries
from tests.support.programs import program

MINUTE = 30
ONE = 'job="p", instance="one"'
TWO = 'job="p", instance="two"'
VALUES = {
    "__rate_interval": "5m",
    "__range": "30m",
    "job": ".+",
    "instance": ".+",
    "source": ".+",
    "site": ".*",
    "name": "a",
    "top": "1",
    "rank": "1",
    "search": "",
}

Gives = Callable[[str, dict[str, float | str], dict[str, float]], None]


@pytest.fixture
def gives(tmp_path: Path) -> Gives:
    """Asserts that the panel's query gives exactly these samples, by their labels, for the series.

    A series' value is its constant, or promtool's notation for one that changes.
    """

    def check(where: str, series: dict[str, float | str], expected: dict[str, float]) -> None:
        [query] = [query for query in panel_queries() if str(query) == where]
        test = {
            "interval": "1m",
            "input_series": [
                {"series": name, "values": v if isinstance(v, str) else f"{v}x{MINUTE}"}
                for name, v in series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": fill(query.expression, VALUES),
                    "eval_time": f"{MINUTE}m",
                    "exp_samples": [{"labels": k, "value": v} for k, v in expected.items()],
                }
            ],
        }
        file = tmp_path / "test.yml"
        file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
        command = [program("promtool"), "test", "rules", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return check


def miner(family: str, name: str, row: int, *, where: str = ONE, source: str = "t1") -> str:
    """The series of one miner's row."""
    labels = f'{where}, source="{source}", downstream_id="{row}", name="{name}"'
    return f"stratum_proxy_miner_{family}{{{labels}}}"


def averages(*, at: str, **names: float | str) -> dict[str, float | str]:
    """The recorded 5-minute averages of miners by name, as one replica has them."""
    record = "source_name:stratum_proxy_hashrate_hashes_per_second:avg5m"
    return {f'{record}{{{at}, source="t1", name="{n}"}}': value for n, value in names.items()}


@pytest.mark.parametrize(
    ("where", "metric"),
    [
        ("proxy / Hashrate (stat) / B", "source:stratum_proxy_hashrate_hashes_per_second:avg5m"),
        (
            "proxy / Hashrate (timeseries) / D",
            "stratum_proxy_hashrate_hashes_per_second",
        ),
        ("proxy / Balance (stat) / A", "stratum_proxy_wallet_balance_ehash"),
        ("pool / Hashrate (stat) / B", "source:stratum_pool_hashrate_hashes_per_second:avg5m"),
    ],
)
def test_replicas_count_once_and_sources_add_up(gives: Gives, where: str, metric: str) -> None:
    series: dict[str, float | str] = {
        f'{metric}{{{replica}, source="{source}"}}': value
        for replica in (ONE, TWO)
        for source, value in {"t1": 100.0, "t2": 7.0}.items()
    }
    gives(where, series, {"{}": 107})


def test_miners_of_two_replicas_count_once(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f'stratum_proxy_miners{{{replica}, source="t1", state="{state}"}}': value
        for replica in (ONE, TWO)
        for state, value in {"active": 3.0, "idle": 2.0}.items()
    }
    gives("proxy / Miners now (stat) / A", series, {"{}": 5})
    gives("proxy / Miners now (stat) / B", series, {"{}": 3})
    gives("proxy / Miners now (stat) / C", series, {"{}": 2})


def test_the_age_of_sources_is_that_of_the_oldest_snapshot(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f'stats_gateway_build_info{{{ONE}, service="stats-proxy", version="1"}}': 1
    }
    for source, received in {"t1": 1795.0, "t2": 1200.0}.items():
        name = f'stats_gateway_source_received_timestamp_seconds{{{ONE}, source="{source}"}}'
        series[name] = received
    gives("proxy / Sources (stat) / C", series, {"{}": 600})


def test_a_feed_is_one_row_whatever_its_gateways(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f'stats_feed_up{{{ONE}, source="t1"}}': 1,
        f'stats_feed_build_info{{{ONE}, version="1"}}': 1,
        f'stats_feed_gateway_connected{{{ONE}, source="t1", gateway="a:1"}}': 1,
        f'stats_feed_gateway_connected{{{ONE}, source="t1", gateway="b:2"}}': 0,
    }
    gives("pipeline / Feeds (table) / A", series, {f'{{{ONE}, source="t1", version="1"}}': 1})
    gives("pipeline / Feeds (table) / B", series, {f'{{{ONE}, source="t1"}}': 0})


def test_trouble_at_a_tap_is_what_goes_on_now_by_upstream_and_reason(gives: Gives) -> None:
    failures = f'stats_feed_tap_upstream_failures_total{{{ONE}, source="tap-1", upstream='
    series: dict[str, float | str] = {
        f'{failures}"a:1", reason="refused"}}': "0+1x30",
        f'{failures}"a:1", reason="timeout"}}': 5,
        f'{failures}"b:1", reason="refused"}}': 0,
    }
    shown = '{source="tap-1", upstream="a:1", reason="refused"}'
    gives("pipeline / Trouble at taps (timeseries) / A", series, {shown: 1})


def test_the_last_hour_of_a_miner_counts_reconnects_and_rejects(gives: Gives) -> None:
    series: dict[str, float | str] = {}
    for replica in (ONE, TWO):
        labels = f'{replica}, source="t1", name="a"'
        series[f"source_name:stratum_proxy_miner_session_seconds:min{{{labels}}}"] = (
            "0+60x14 5+60x15"
        )
        series[miner("shares_submitted_total", "a", 1, where=replica)] = "0+9x30"
        series[miner("shares_rejected_total", "a", 1, where=replica)] = "0+1x30"
    gives("miner / Last hour (stat) / A", series, {"{}": 1})
    gives("miner / Last hour (stat) / C", series, {"{}": 0.1})


def test_without_a_fresh_source_the_number_of_miners_is_unknown(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f'stratum_proxy_miners{{{ONE}, source="t1", state="active"}}': f"3x{MINUTE - 1} stale"
    }
    gives("proxy / Miners now (stat) / A", series, {})


def test_only_sources_that_send_rejected_shares_count_in_the_ratio(gives: Gives) -> None:
    shares = "source:stratum_proxy_miner_shares"
    gives(
        "proxy / Shares (stat) / B",
        {
            f'{shares}_submitted:rate5m{{{ONE}, source="t1"}}': 9,
            f'{shares}_rejected:rate5m{{{ONE}, source="t1"}}': 1,
            f'{shares}_submitted:rate5m{{{ONE}, source="silent about it"}}': 990,
        },
        {"{}": 0.1},
    )


def test_the_top_miners_and_the_others_add_up_to_all(gives: Gives) -> None:
    series = averages(at=ONE, a=50, b=30, c=20) | averages(at=TWO, a=50, b=30, c=20)
    gives("proxy / Hashrate by miner (timeseries) / A", series, {'{name="a"}': 50})
    gives("proxy / Hashrate by miner (timeseries) / B", series, {"{}": 50})


def test_a_miner_that_is_gone_is_in_no_line(gives: Gives) -> None:
    series = averages(at=ONE, gone=f"90x{MINUTE - 1} stale", b=30, c=20)
    gives("proxy / Hashrate by miner (timeseries) / A", series, {'{name="b"}': 30})
    gives("proxy / Hashrate by miner (timeseries) / B", series, {"{}": 20})


def test_a_miner_is_active_by_hashrate_or_share_or_being_new(gives: Gives) -> None:
    hashrate, shared, connected = (
        "hashrate_hashes_per_second",
        "last_share_timestamp_seconds",
        "connected_timestamp_seconds",
    )
    long_ago, lately = 100, 1800 - 500
    gives(
        "proxy / Miners (table) / A",
        {
            miner(hashrate, "hashes", 1): 5,
            miner(shared, "hashes", 1): long_ago,
            miner(connected, "hashes", 1): 0,
            miner(hashrate, "shared lately", 2): 0,
            miner(shared, "shared lately", 2): lately,
            miner(connected, "shared lately", 2): 0,
            miner(shared, "hashrate unknown", 3): lately,
            miner(connected, "hashrate unknown", 3): 0,
            miner(hashrate, "new", 4): 0,
            miner(connected, "new", 4): lately,
            miner(hashrate, "stalled", 5): 0,
            miner(shared, "stalled", 5): long_ago,
            miner(connected, "stalled", 5): 0,
            miner(hashrate, "never shared", 6): 0,
            miner(connected, "never shared", 6): long_ago,
        },
        {
            '{source="t1", name="hashes"}': 1,
            '{source="t1", name="shared lately"}': 1,
            '{source="t1", name="hashrate unknown"}': 1,
            '{source="t1", name="new"}': 1,
            '{source="t1", name="stalled"}': 0,
            '{source="t1", name="never shared"}': 0,
        },
    )


def test_a_name_is_one_row_with_the_address_of_its_newest_session(gives: Gives) -> None:
    """Two replicas, and a ghost: a row the translator forgot to remove on a reconnect."""
    series: dict[str, float | str] = {}
    for replica in (ONE, TWO):
        for row, address, since in ((1, "old:1", 60), (2, "new:2", 900)):
            series[miner("connected_timestamp_seconds", "a", row, where=replica)] = since
            info = miner("info", "a", row, where=replica)
            series[info.replace("}", f', address="{address}"}}')] = 1
    gives(
        "proxy / Miners (table) / G", series, {'{source="t1", name="a", address="new:2"}': 900_000}
    )


def test_a_redacted_address_does_not_cost_the_row(gives: Gives) -> None:
    series: dict[str, float | str] = {
        miner("connected_timestamp_seconds", "a", 1): 60,
        miner("info", "a", 1): 1,
    }
    gives("proxy / Miners (table) / G", series, {'{source="t1", name="a"}': 60_000})


def test_a_reconnect_is_counted_once_for_two_replicas(gives: Gives) -> None:
    record = "source_name:stratum_proxy_miner_session_seconds:min"
    series: dict[str, float | str] = {
        f'{record}{{{replica}, source="t1", name="a"}}': "0+60x14 5+60x15" for replica in (ONE, TWO)
    }
    gives("miner / Reconnects (stat) / A", series, {"{}": 1})


def test_an_upstream_whose_state_is_not_sent_is_neither_up_nor_down(gives: Gives) -> None:
    info = "stratum_proxy_upstream_info"
    connected = "stratum_proxy_upstream_connected"
    gives(
        "proxy / Upstream (stat) / A",
        {
            f'{info}{{{ONE}, source="t1", address="up:1", network="main"}}': 1,
            f'{connected}{{{ONE}, source="t1"}}': 1,
            f'{info}{{{ONE}, source="t2", address="down:2", network="main"}}': 1,
            f'{connected}{{{ONE}, source="t2"}}': 0,
            f'{info}{{{ONE}, source="t3", address="silent:3"}}': 1,
        },
        {
            '{address="up:1", network="main"}': 1,
            '{address="down:2", network="main"}': 0,
            '{address="silent:3"}': 2,
        },
    )


def test_a_type_of_connection_is_missing_only_where_there_was_one(gives: Gives) -> None:
    count = f'stratum_pool_connections{{{ONE}, source="pool", connection_type='
    gives(
        "pool / Connections by type (table) / A",
        {
            count + '"Translator"}': 2,
            count + '"Mint"}': f"1x10 0x{MINUTE}",
            count + '"Job Declarator"}': 0,
        },
        {
            '{connection_type="Translator"}': 2,
            '{connection_type="Mint"}': 1,
            '{connection_type="Job Declarator"}': 0,
        },
    )


def test_a_service_is_unknown_while_its_source_is_down(gives: Gives) -> None:
    def service(source: str, kind: str) -> str:
        labels = f'source="{source}", service_type="{kind}", address="a:1"'
        return f"stratum_pool_service_info{{{ONE}, {labels}}}"

    gone = f"1x{MINUTE - 1} stale"
    gives(
        "pool / Services (table) / A",
        {
            service("fresh", "Pool"): 1,
            service("fresh", "Mint"): gone,
            service("down", "Pool"): gone,
            f'stats_gateway_source_up{{{ONE}, source="fresh"}}': 1,
            f'stats_gateway_source_up{{{ONE}, source="down"}}': f"1x{MINUTE - 1} 0",
        },
        {
            '{source="fresh", service_type="Pool", address="a:1"}': 1,
            '{source="fresh", service_type="Mint", address="a:1"}': 0,
            '{source="down", service_type="Pool", address="a:1"}': -1,
        },
    )


def test_a_service_that_does_not_answer_is_down_and_other_jobs_are_not_ours(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f"up{{{ONE}}}": 1,
        f"up{{{TWO}}}": f"1x{MINUTE - 1} 0",
        'up{job="node", instance="three"}': 0,
        f'stats_gateway_build_info{{{ONE}, service="stats-proxy", version="1"}}': 1,
        f'stats_gateway_build_info{{{TWO}, service="stats-proxy", version="1"}}': (
            f"1x{MINUTE - 1} stale"
        ),
    }
    gives("pipeline / Services (stat) / A", series, {"{}": 1})
    gives("pipeline / Services (stat) / B", series, {"{}": 1})


def test_feeds_of_the_other_service_are_not_on_the_proxy_board(gives: Gives) -> None:
    series: dict[str, float | str] = {
        f'stats_gateway_source_up{{{ONE}, source="t1"}}': 1,
        f'stats_gateway_build_info{{{ONE}, service="stats-proxy", version="1"}}': 1,
        'stats_gateway_source_up{job="q", instance="three", source="pool"}': 1,
        'stats_gateway_build_info{job="q", instance="three", service="stats-pool", version="1"}': 1,
    }
    gives("proxy / Sources (stat) / A", series, {"{}": 1})
    gives("pool / Sources (stat) / A", series, {"{}": 1})


def source_state(up: int, upstream: int, active: int, source: str) -> dict[str, float | str]:
    labels = f'{ONE}, source="{source}"'
    return {
        f"stats_gateway_source_up{{{labels}}}": up,
        f"stratum_proxy_upstream_connected{{{labels}}}": upstream,
        f'stratum_proxy_miners{{{labels}, state="active"}}': active,
    }


def test_trouble_counts_each_source_once_and_is_none_while_all_is_well(gives: Gives) -> None:
    build: dict[str, float | str] = {
        f'stats_gateway_build_info{{{ONE}, service="stats-proxy", version="1"}}': 1
    }
    where = "proxy / Trouble (stat) / A"
    gives(where, build | source_state(1, 1, 5, "well"), {"{}": 0})
    ill = source_state(1, 0, 0, "no pool, no miner") | source_state(0, 1, 5, "silent")
    gives(where, build | source_state(1, 1, 5, "well") | ill, {"{}": 2})
    gives(where, build, {})


def test_the_last_hour_tells_who_came_and_who_left_of_sources_that_are_known(gives: Gives) -> None:
    """An hour before minute 30 nothing is known here, so nobody came."""
    series: dict[str, float | str] = {miner("info", "a", 1): 1}
    gives("proxy / Last hour (stat) / A", series, {})


def test_the_table_says_how_many_names_it_leaves_out(gives: Gives) -> None:
    series: dict[str, float | str] = {miner("info", f"rig{n}", n): 1 for n in range(1003)}
    gives("proxy / In the table (stat) / A", series, {"{}": 1000})
    gives("proxy / In the table (stat) / B", series, {"{}": 3})
