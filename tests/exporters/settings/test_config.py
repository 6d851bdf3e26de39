from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from types import UnionType
from typing import get_type_hints

import pytest

from exporters.errors import ConfigError
from exporters.settings.addresses import Address
from exporters.settings.catalogue import settings_of
from exporters.settings.command_line import parse_command_line
from exporters.settings.config import (
    Config,
    HistorySource,
    IngestAccess,
    build_config,
)
from exporters.settings.files import parse_toml
from exporters.settings.limits import WebLimits
from exporters.settings.tables.limits import MAX_EXPOSED
from stats_gateway.limits import MAX_NAME_BYTES, Limits
from stats_gateway.store.origin import CertificateName
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
    tables = parse_toml(toml)
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
    assert config.max_downstreams_exposed == MAX_EXPOSED
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


def test_a_file_may_use_arrays_and_tables() -> None:
    config = configured(
        toml='ingest.allow_networks = ["10.0.0.0/8", "fd00::/8"]\nhistory.labels = {site = "a,b"}'
    )
    assert config.ingest_access.allow_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert config.history.labels == (("site", "a,b"),)


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("[aliases]\nfarm = 'a'", ["[aliases]", "'farm' is no IP address"]),
        ("[aliases]\n'192.0.2.1' = 5", ["[aliases]", "192.0.2.1"]),
        ("[aliases]\n'::1' = 'a'\n'0::1' = 'b'", ["[aliases]", "0::1", "two aliases"]),
        ("[aliases]\n'192.0.2.1' = '192.0.2.2'", ["192.0.2.1", "'192.0.2.2'", "no address"]),
        ("[aliases]\n'192.0.2.1' = '192.0.2.1'", ["no address"]),
        ("[aliases]\n'192.0.2.1' = 'farm#2'", ["no #"]),
        ('[aliases]\n"192.0.2.1" = "fa\\nrm"', ["192.0.2.1", "printable"]),
        ('[aliases]\n"192.0.2.1" = "fa\\u200brm"', ["192.0.2.1", "printable"]),
        ("[aliases]\n'192.0.2.1' = 'farm '", ["192.0.2.1", "white space"]),
        ("[aliases]\n'192.0.2.1' = 'farm\ufffd'", ["192.0.2.1", "printable"]),
        ("[aliases]\n'192.0.2.1' = ''", ["192.0.2.1", "printable"]),
        (
            f"[aliases]\n'192.0.2.1' = '{'a' * (MAX_NAME_BYTES + 1)}'",
            ["192.0.2.1", f"{MAX_NAME_BYTES} bytes"],
        ),
        ("[limits]\nmax_rows = 0", ["[limits] max_rows", "from 1 to"]),
        ("[limits]\nmax_rows = [5]", ["[limits] max_rows", "one value"]),
        (f"[limits]\nmax_rows = 0x{'f' * 5000}", ["[limits] max_rows", "digits"]),
        ("[limits]\nmax_row = 5", ["[limits] max_row ", "did you mean [limits] max_rows?"]),
        ("[web]\nlisten_adress = ':1'", ["did you mean [web] listen_address?"]),
        ("[nonsense]\nx = 1", ["[nonsense] x is no setting"]),
        ('["non\\nsense"]\nx = 1', ["[non sense] x is no setting"]),
        ("max_rows = 5", ["max_rows", "outside of any [table]"]),
        ("aliases = 5", ["aliases", "outside of any [table]"]),
        ("[web]\nlisten_address = 'here'", ["[web] listen_address", "HOST:PORT"]),
        ('[ingest]\ntoken_file = "a\\u0000b"', ["[ingest] token_file", "path"]),
        (
            "[limits]\nmax_buffered_bytes = 2097152\nmax_message_bytes = 2097153",
            ["--limits.max-buffered-bytes (2097152)", "--limits.max-message-bytes (2097153)"],
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_fix(toml: str, names: list[str]) -> None:
    text = wrong(toml=toml)
    assert all(name in text for name in names), text


def test_an_error_names_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^/etc/stats\.toml: \[limits\] max_row is no setting"):
        build_config(Service.PROXY, {}, {}, {"limits": {"max_row": 5}}, "/etc/stats.toml")


def test_what_is_wrong_in_a_flag_or_variable_is_named() -> None:
    assert wrong("--log.level", "loud").startswith("--log.level: must be debug, info, warn or")
    variable = "STATS_PROXY_WEB_LISTEN_ADDRESS"
    assert wrong(environment={variable: "here\nthere"}).startswith(f"{variable}: must be HOST:PORT")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--nonsense"], "unknown flag '--nonsense'"),
        (["--limits.max-row=5"], "'--limits.max-row'; did you mean --limits.max-rows?"),
        (["--config.fil", "a"], "did you mean --config.file?"),
        (["--log.lev", "info"], "'--log.lev'; did you mean --log.level?"),
        (["--limits.max-rows"], "expected one argument"),
        (["stats.toml"], "'stats.toml' belongs to no flag"),
    ],
)
def test_a_flag_that_is_unknown_or_cut_short_or_empty_is_an_error(
    flags: list[str], text: str
) -> None:
    assert text in wrong(*flags)
    assert wrong(*flags).endswith("see stats-proxy --help")


SECRETS = [
    "http://u:s3cret@host:99999/",
    "http://u:s3cret@[::1",
    "http://host/?token=s3cret",
    "s3cret@host",
]


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("key", ["prometheus_url", "authorization_file", "labels"])
def test_a_secret_in_a_url_is_printed_from_nowhere(url: str, key: str) -> None:
    flag = f"--history.{key.replace('_', '-')}"
    misspelt = f"--history.{key}_"
    for text in (
        wrong(flag, url),
        wrong(f"{misspelt}={url}"),
        wrong(misspelt, url),
        wrong(url),
        wrong(environment={f"STATS_PROXY_HISTORY_{key.upper()}": url}),
        wrong(toml=f"[history]\n{key} = '{url}'"),
    ):
        assert "s3cret" not in text


@pytest.mark.parametrize("url", SECRETS)
def test_a_secret_is_printed_by_no_other_setting_either(url: str) -> None:
    for setting in settings_of(Service.PROXY):
        assert "s3cret" not in wrong(f"{setting.flag}={url}"), setting.flag


@pytest.mark.parametrize("type_", [Config, IngestAccess, Limits, WebLimits, HistorySource])
def test_every_default_has_the_type_of_its_field(type_: type) -> None:
    config = configured()
    parts = (config, config.ingest_access, config.limits, config.web_limits, config.history)
    (part,) = (one for one in parts if type(one) is type_)
    for name, hint in get_type_hints(type_).items():
        value = getattr(part, name)
        kind = hint if isinstance(hint, UnionType) else getattr(hint, "__origin__", hint)
        assert value == () or isinstance(value, kind), name
    assert {field.name for field in fields(type_)} == set(get_type_hints(type_))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.touch()
    text = wrong("--ingest.tls-cert-file", str(file))
    assert "--ingest.tls-key-file" in text
    assert "--ingest.tls-cert-file" in wrong("--ingest.tls-client-ca-file", str(file))


def test_a_certificate_binds_the_source_where_one_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "any.pem"
    file.touch()
    names = ("tls-cert-file", "tls-key-file", "tls-client-ca-file")
    tls = [f"--ingest.{name}={file}" for name in names]
    assert configured(*tls).ingest_access.tls_client_source is CertificateName.NONE
    for name in CertificateName:
        config = configured(*tls, f"--ingest.tls-client-source={name}")
        assert config.ingest_access.tls_client_source is name
    assert "--ingest.tls-client-ca-file" in wrong(*tls[:2], "--ingest.tls-client-source=san")
    assert "none, san or cn" in wrong(*tls, "--ingest.tls-client-source=dns")
