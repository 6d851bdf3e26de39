import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from exporters.errors import ConfigError
from exporters.settings.addresses import Address
from exporters.settings.config import Config, build_config, parse_command_line, read_file
from stats_gateway.limits import Limits
from stats_gateway.wire.services import Service

LEGACY = """
[server]
tcp_listen_address = "127.0.0.1:18082"
http_listen_address = "127.0.0.1:18084"

[snapshot_storage]
db_path = "/var/lib/hashpool/stats-proxy/stats.db"
staleness_threshold_secs = 15

[http_client]
pool_idle_timeout_secs = 300
request_timeout_secs = 60
"""


def configured(*flags: str, environment: Mapping[str, str] | None = None, toml: str = "") -> Config:
    command_line = parse_command_line(Service.PROXY, flags)
    tables = tomllib.loads(toml)
    return build_config(Service.PROXY, command_line.flags, environment or {}, tables)


def wrong(*flags: str, environment: Mapping[str, str] | None = None, toml: str = "") -> str:
    with pytest.raises(ConfigError) as error:
        configured(*flags, environment=environment, toml=toml)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_without_any_setting_there_are_defaults() -> None:
    config = configured()
    assert config.ingest_listen_address == Address("127.0.0.1", 8082)
    assert config.limits == Limits()
    assert config.max_downstreams_exposed is None
    assert config.aliases == {}


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() -> None:
    flag = ("--limits.max-rows", "1")
    environment = {"STATS_PROXY_LIMITS_MAX_ROWS": "2"}
    toml = "[limits]\nmax_rows = 3"
    assert configured(*flag, environment=environment, toml=toml).limits.max_rows == 1
    assert configured(environment=environment, toml=toml).limits.max_rows == 2
    assert configured(toml=toml).limits.max_rows == 3
    assert configured().limits.max_rows == Limits().max_rows


def test_the_environment_of_the_other_service_is_not_ours() -> None:
    assert configured(environment={"STATS_POOL_LIMITS_MAX_ROWS": "2"}) == configured()


def test_a_configuration_of_the_old_services_works() -> None:
    config = configured(toml=LEGACY)
    assert config.ingest_listen_address == Address("127.0.0.1", 18082)
    assert config.web_listen_address == Address("127.0.0.1", 18084)


def test_a_file_may_use_numbers_and_booleans() -> None:
    config = configured(toml="[limits]\nframe_seconds = 2.5\n[privacy]\nredact_ip = true")
    assert config.limits.frame_seconds == 2.5
    assert config.redact_ip


def test_a_switch_is_on_by_itself_and_can_be_given_a_value() -> None:
    assert configured("--privacy.redact-ip").redact_ip
    assert not configured("--privacy.redact-ip=false").redact_ip


def test_an_alias_names_an_address_however_it_is_spelled() -> None:
    toml = '[aliases]\n"192.0.2.1" = "farm"\n"2001:DB8:0::1" = "barn"'
    assert configured(toml=toml).aliases == {"192.0.2.1": "farm", "2001:db8::1": "barn"}


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("[aliases]\nfarm = 'a'", ["[aliases]", "'farm'"]),
        ("[aliases]\n'192.0.2.1' = 5", ["[aliases]", "192.0.2.1"]),
        ("[limits]\nmax_rows = 0", ["[limits] max_rows", "from 1 to"]),
        ("[limits]\nmax_row = 5", ["[limits] max_row ", "did you mean [limits] max_rows?"]),
        ("[web]\nlisten_adress = ':1'", ["did you mean [web] listen_address?"]),
        ("[nonsense]\nx = 1", ["[nonsense] x is no setting"]),
        ("max_rows = 5", ["max_rows", "outside of any [table]"]),
        ("[web]\nlisten_address = 'here'", ["[web] listen_address", "HOST:PORT"]),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_fix(toml: str, names: list[str]) -> None:
    text = wrong(toml=toml)
    assert all(name in text for name in names), text


def test_what_is_wrong_in_a_flag_or_variable_is_named() -> None:
    assert wrong("--log.level", "loud").startswith("--log.level: must be debug, info, warn or")
    variable = "STATS_PROXY_WEB_LISTEN_ADDRESS"
    assert wrong(environment={variable: "here\nthere"}).startswith(f"{variable}: must be HOST:PORT")


@pytest.mark.parametrize("flags", [["--nonsense"], ["--limits.max-rows"], ["--log.lev", "info"]])
def test_a_flag_that_is_unknown_or_cut_short_or_empty_is_an_error(flags: list[str]) -> None:
    assert wrong(*flags).endswith("see stats-proxy --help")


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.touch()
    text = wrong("--ingest.tls-cert-file", str(file))
    assert "--ingest.tls-key-file" in text
    assert "--ingest.tls-cert-file" in wrong("--ingest.tls-client-ca-file", str(file))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad, binary = tmp_path / "bad.toml", tmp_path / "binary.toml"
    bad.write_text("[limits\n")
    binary.write_bytes(b"\xff")
    for path in (bad, binary, tmp_path / "missing.toml"):
        with pytest.raises(ConfigError, match=str(path)):
            read_file(path)


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_bytes('[aliases]\n"192.0.2.1" = "矿场"\n'.encode())
    assert read_file(file) == {"aliases": {"192.0.2.1": "矿场"}}
