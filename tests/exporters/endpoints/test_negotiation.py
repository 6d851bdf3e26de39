import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.endpoints.negotiation import accepts_gzip, choose_format
from exporters.exposition.text_format import Format

PROMETHEUS_2_30 = (
    "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        (PROMETHEUS_2_30, Format.TEXT),
        (PROMETHEUS_2_42, Format.OPENMETRICS),
        (PROMETHEUS_2_PROTOBUF, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ('APPLICATION/OpenMetrics-Text ; VERSION="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", Format.TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.1,*/*;q=0.5", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("application/json", Format.TEXT),
        ("application/openmetrics-text;q=1.5", Format.TEXT),
        ("application/openmetrics-text;q=-1", Format.TEXT),
        ("application/openmetrics-text;q=nan", Format.TEXT),
        ("application/openmetrics-text;q=high", Format.TEXT),
        (";;;,,,=;q", Format.TEXT),
    ],
)
def test_the_format_is_the_one_of_the_highest_weight(accept: str, format_: Format) -> None:
    assert choose_format(accept) is format_


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("", False),
        ("gzip;q=yes", False),
        (",;,", False),
    ],
)
def test_gzip_is_used_where_it_is_accepted(accept_encoding: str, expected: bool) -> None:
    assert accepts_gzip(accept_encoding) is expected


@given(st.text(max_size=60))
def test_no_header_is_an_error(header: str) -> None:
    assert choose_format(header) in Format
    assert accepts_gzip(header) in (True, False)
