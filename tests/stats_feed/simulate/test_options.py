import argparse
import time
from pathlib import Path

import pytest

from stats_feed.simulate.options import FIELD_CHURN, SimulateOptions, add_flags, read_options


def options(*arguments: str) -> SimulateOptions:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return read_options(parser, parser.parse_args(arguments))


def test_the_defaults_send_to_both_services_of_this_machine() -> None:
    read = options()
    assert (read.proxy, read.pool) == ((("127.0.0.1", 8082),), (("127.0.0.1", 9083),))
    assert (read.miners, read.common.interval, read.common.token) == (25, 10.0, None)
    assert (read.troubled, read.churn) == (True, FIELD_CHURN)


def test_calm_has_no_churn_unless_it_is_asked_for() -> None:
    assert options("--scenario", "calm").churn == 0.0
    assert options("--scenario", "calm", "--churn", "3").churn == 3.0
    assert options("--churn", "0").churn == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("none", ()), ("host:1", (("host", 1),)), ("[::1]:65535", (("::1", 65535),))],
)
def test_an_address_is_host_and_port_or_none(
    text: str, expected: tuple[tuple[str, int], ...]
) -> None:
    assert options("--proxy", text).proxy == expected


def test_each_service_may_have_several_addresses_by_either_flag() -> None:
    read = options("--proxy", "a:1", "--proxy", "b:2", "--to", "proxy=c:3", "--to", "pool=d:4")
    assert read.proxy == (("a", 1), ("b", 2), ("c", 3))
    assert read.pool == (("d", 4),)


def test_the_token_is_the_file_without_its_newline(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    assert options("--token-file", str(file)).common.token == "s3cret"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--proxy", "none", "--pool", "none"], "nobody to send to"),
        (["--proxy", "localhost"], "not HOST:PORT"),
        (["--pool", ":80"], "not HOST:PORT"),
        (["--pool", "a:65536"], "not HOST:PORT"),
        (["--to", "a:1"], "say which service"),
        (["--to", "mint=a:1"], "neither 'proxy' nor 'pool'"),
        (["--interval", "0"], "not above 0"),
        (["--duration", "nan"], "not above 0"),
        (["--churn", "-1"], "below 0"),
        (["--miners", "4"], "at least 5"),
        (["--scenario", "calm", "--miners", "0"], "at least 1"),
        (["--token-file", "/nowhere/token"], "cannot read /nowhere/token"),
        (["--token-file", "/dev/null"], "is empty"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused_with_a_reason(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        options(*arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_a_simulation_may_have_begun_within_the_last_day_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = time.time()
    assert options("--began", f"{now - 3600}").began == pytest.approx(now - 3600)
    for wrong in (now - 2 * 86_400, now + 3600):
        with pytest.raises(SystemExit):
            options("--began", f"{wrong}")
        assert "--began: must be within the last day" in capsys.readouterr().err
