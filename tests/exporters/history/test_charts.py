"""The questions of the status page, as PromQL."""

import re
from pathlib import Path

import pytest

from exporters.exposition.families import ALL
from exporters.history.charts import RowLabel, Shown, Span, sparklines, view
from stats_gateway.wire.services import Service
from tests.support.yaml_files import read_yaml

RULES = Path(__file__).resolve().parents[3] / "prometheus" / "rules" / "recording.yml"
RECORDED = {rule["record"] for group in read_yaml(RULES)["groups"] for rule in group["rules"]}
RAW = {
    (Service.PROXY, None): {
        "stratum_proxy_hashrate_hashes_per_second",
        "stratum_proxy_miners",
    },
    (Service.PROXY, "a"): {
        "stratum_proxy_miner_hashrate_hashes_per_second",
        "stratum_proxy_miner_info",
        "stratum_proxy_miner_shares_rejected_by_reason_total",
    },
    (Service.POOL, None): {
        "stratum_pool_hashrate_hashes_per_second",
        "stratum_pool_connections",
    },
    (Service.POOL, "a"): {
        "stratum_pool_connection_channels",
        "stratum_pool_connection_hashrate_hashes_per_second",
        "stratum_pool_connection_shares_rejected_by_reason_total",
        "stratum_pool_connection_shares_rejected_total",
        "stratum_pool_connection_shares_submitted_total",
    },
}
"""The families that are drawn without a recorded series, as the module's first lines say."""


def selected(expression: str) -> set[str]:
    """The names of the series that `expression` reads."""
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", expression))


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("row", [None, "a"])
@pytest.mark.parametrize("span", Span)
def test_what_is_drawn_is_recorded_and_else_a_family_that_is_listed_here(
    service: Service, row: str | None, span: Span
) -> None:
    names = selected(view(Shown(service=service, row=row), span))
    assert names - RECORDED == RAW[service, row]
    assert RAW[service, row] <= {family.name for family in ALL}
    assert names & RECORDED


@pytest.mark.parametrize("service", Service)
def test_sparklines_are_of_recorded_series_only(service: Service) -> None:
    rows = [(RowLabel.NAME, "a")]
    if service is Service.POOL:
        rows.append((RowLabel.ID, "1"))
    assert selected(sparklines(service, (), rows)) <= RECORDED


def test_names_are_matched_as_they_are_written() -> None:
    expression = sparklines(
        Service.PROXY, (), [(RowLabel.NAME, name) for name in ('a.b|c"\\', "d\n(e)")]
    )
    assert r'name=~"a\\.b\\|c\"\\\\|d\n\\(e\\)"' in expression
    name = view(Shown(service=Service.PROXY, row='a"}) or up{b="'), Span.DAY)
    assert r'name="a\"}) or up{b=\""' in name


@pytest.mark.parametrize("row", [None, "1"])
@pytest.mark.parametrize("service", Service)
def test_rejects_are_averaged_over_an_hour_where_the_view_is_a_day_or_longer(
    service: Service, row: str | None
) -> None:
    windows = {
        span: re.findall(r"reason[^\]]*\[(\w+)\]", view(Shown(service=service, row=row), span))
        for span in Span
    }
    # For all rows the rules record the average of 5 minutes, for one there is only the counter.
    assert windows.pop(Span.HOUR) == ([] if row is None else ["5m"])
    assert set(map(tuple, windows.values())) == {("1h",)}


@pytest.mark.parametrize("span", Span)
def test_every_view_has_at_most_721_points_at_whole_steps(span: Span) -> None:
    question = span.question("", 1_730_488_933.7)
    assert question.start % question.step == question.end % question.step == 0
    assert 100 <= (question.end - question.start) // question.step <= 720
    assert 1_730_488_933 - span.step < question.end <= 1_730_488_933
