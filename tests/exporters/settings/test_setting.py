from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from exporters.settings.setting import (
    Setting,
    Value,
    existing_file,
    networks,
    one_of,
    seconds,
    whole_number,
    yes_or_no,
)
from stats_gateway.wire.services import Service

NUMBER = Setting(
    table="limits", key="max_rows", metavar="N", help="", parse=whole_number(1, 10), default=5
)


def test_a_setting_has_one_name_in_each_place() -> None:
    assert NUMBER.flag == "--limits.max-rows"
    assert NUMBER.field == "limits_max_rows"
    assert NUMBER.variable(Service.PROXY) == "STATS_PROXY_LIMITS_MAX_ROWS"
    assert NUMBER.variable(Service.POOL) == "STATS_POOL_LIMITS_MAX_ROWS"


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (whole_number(1, 10), "10", 10),
        (seconds, "0.5", 0.5),
        (seconds, "1e3", 1000.0),
        (one_of("a", "b"), "b", "b"),
        (yes_or_no, "true", True),
        (yes_or_no, "false", False),
        (networks, "10.0.0.0/8, fd00::/8", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        (networks, "192.0.2.1", (ip_network("192.0.2.1/32"),)),
    ],
)
def test_a_value_is_read(parse: Callable[[str], Value], text: str, value: Value) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "fix"),
    [
        (whole_number(1, 10), "0", "from 1 to 10"),
        (whole_number(1, 10), "11", "from 1 to 10"),
        (whole_number(1, 10), "٣", "from 1 to 10"),
        (whole_number(1, 10), "1.0", "from 1 to 10"),
        (seconds, "0", "above 0"),
        (seconds, "-1", "above 0"),
        (seconds, "inf", "above 0"),
        (seconds, "nan", "above 0"),
        (seconds, "soon", "above 0"),
        (one_of("a", "b", "c"), "d", "a, b or c"),
        (yes_or_no, "yes", "true or false"),
        (networks, "10.0.0.1/8", "host bits"),
        (networks, "", "does not appear"),
        (existing_file, "/nothing/here", "no such file"),
    ],
)
def test_a_value_that_cannot_be_says_what_would_be_right(
    parse: Callable[[str], Value], text: str, fix: str
) -> None:
    with pytest.raises(ValueError, match=fix):
        parse(text)


def test_a_file_that_is_there_is_its_path(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert existing_file(str(file)) == file
    with pytest.raises(ValueError, match="no such file"):
        existing_file(str(tmp_path))
