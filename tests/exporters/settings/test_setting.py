"""What a setting is called in each place, and how its value is read."""

import datetime as dt
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path

import pytest

from exporters.settings.setting import (
    MAX_SECONDS,
    Setting,
    existing_file,
    label,
    network,
    one_of,
    seconds,
    whole_number,
    yes_or_no,
)
from stats_gateway.wire.services import Service


class Choice(StrEnum):
    A = "a"
    B = "b"
    C = "c"


NUMBER = Setting("limits.max_rows", "N", whole_number(1, 10), "", default=5)
SECONDS = Setting("web.request_seconds", "SECONDS", seconds, "")
CHOICE = Setting("log.level", "LEVEL", one_of(Choice), "")
SWITCH = Setting("privacy.redact_ip", "BOOL", yes_or_no, "", is_switch=True)
FILE = Setting("ingest.token_file", "FILE", existing_file, "")
NETWORKS = Setting("ingest.allow_networks", "CIDR,...", network, "", is_list=True)
LABELS = Setting("history.labels", "NAME=VALUE,...", label, "", is_list=True)


def test_a_setting_has_one_name_in_each_place() -> None:
    assert (NUMBER.table, NUMBER.key) == ("limits", "max_rows")
    assert NUMBER.flag == "--limits.max-rows"
    assert NUMBER.field == "limits_max_rows"
    assert NUMBER.variable(Service.PROXY) == "STATS_PROXY_LIMITS_MAX_ROWS"
    assert NUMBER.variable(Service.POOL) == "STATS_POOL_LIMITS_MAX_ROWS"


@pytest.mark.parametrize(
    ("setting", "given", "value"),
    [
        (NUMBER, "10", 10),
        (NUMBER, 10, 10),
        (SECONDS, "0.5", 0.5),
        (SECONDS, 2.5, 2.5),
        (SECONDS, "1e3", 1000.0),
        (CHOICE, "b", Choice.B),
        (SWITCH, "true", True),
        (SWITCH, "false", False),
        (SWITCH, True, True),
        (NETWORKS, "10.0.0.0/8, fd00::/8", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        (NETWORKS, ["10.0.0.0/8", "fd00::/8"], (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        (NETWORKS, "192.0.2.1", (ip_network("192.0.2.1/32"),)),
        (NETWORKS, [], ()),
        (LABELS, "site=a, job=stats=proxy", (("site", "a"), ("job", "stats=proxy"))),
        (LABELS, ["site=a,b"], (("site", "a,b"),)),
        (LABELS, {"site": "a,b", "cell": 7}, (("site", "a,b"), ("cell", "7"))),
    ],
)
def test_a_text_or_a_value_of_the_file_is_read(
    setting: Setting, given: object, value: object
) -> None:
    assert setting.read(given) == value


@pytest.mark.parametrize(
    ("setting", "given", "fix"),
    [
        (NUMBER, "0", "from 1 to 10"),
        (NUMBER, "11", "from 1 to 10"),
        (NUMBER, "٣", "from 1 to 10"),
        (NUMBER, "1.0", "from 1 to 10"),
        (NUMBER, True, "from 1 to 10"),
        (NUMBER, "9" * 5000, "from 1 to 10"),
        pytest.param(NUMBER, 1 << 20_000, "digits", id="no decimal"),
        (NUMBER, dt.date(2024, 1, 1), "from 1 to 10"),
        (NUMBER, [5], "must be one value"),
        (NUMBER, {"rows": 5}, "must be one value"),
        (SECONDS, "0", "above 0"),
        (SECONDS, "-1", "above 0"),
        (SECONDS, "inf", "above 0"),
        (SECONDS, "nan", "above 0"),
        (SECONDS, "soon", "above 0"),
        (SECONDS, MAX_SECONDS * 2, "at most 31536000"),
        (CHOICE, "d", "a, b or c"),
        (SWITCH, "yes", "true or false"),
        (NETWORKS, "10.0.0.1/8", "host bits"),
        (NETWORKS, "", "is no network"),
        (NETWORKS, [["10.0.0.0/8"]], "must be one value"),
        (NETWORKS, {"10.0.0.0/8": "a"}, "is no network"),
        (FILE, "/nothing/here", "no such file or directory: '/nothing/here'"),
        (FILE, "a\0b", "cannot be the path"),
        (FILE, "x" * 5000, "name too long"),
        *((LABELS, bad, "NAME=VALUE") for bad in ("", "site", "=a", "9=a", "a=b,", 'a"=b')),
    ],
)
def test_a_value_that_cannot_be_says_what_would_be_right(
    setting: Setting, given: object, fix: str
) -> None:
    with pytest.raises(ValueError, match=fix) as wrong:
        setting.read(given)
    assert len(str(wrong.value)) < 300


@pytest.mark.parametrize("setting", [NUMBER, SECONDS, CHOICE, SWITCH, FILE, NETWORKS, LABELS])
@pytest.mark.parametrize("secret", ["http://u:s3cret@host", "http://host/?token=s3cret"])
def test_what_may_hold_a_secret_is_never_repeated(setting: Setting, secret: str) -> None:
    with pytest.raises(ValueError, match="not repeated") as wrong:
        setting.read(secret)
    assert "s3cret" not in str(wrong.value)


def test_a_file_that_is_there_is_its_path(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert existing_file(str(file)) == file
    with pytest.raises(ValueError, match="is no file"):
        existing_file(str(tmp_path))
    with pytest.raises(ValueError, match="not a directory"):
        existing_file(str(file / "inside"))
