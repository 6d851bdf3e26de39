"""From flags, environment and file to one frozen configuration. Reads nothing by itself."""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from exporters.errors import ConfigError
from exporters.settings.addresses import Address
from exporters.settings.catalogue import LogFormat, settings_of
from exporters.settings.history_settings import HistorySource
from exporters.settings.limits import WebLimits
from exporters.settings.setting import Setting, Value
from stats_gateway import __version__
from stats_gateway.intake.access import Network
from stats_gateway.limits import Limits
from stats_gateway.wire.services import Service

LEGACY_KEYS = {
    ("server", "tcp_listen_address"): "ingest_listen_address",
    ("server", "http_listen_address"): "web_listen_address",
}
"""The keys of the old services' files that mean the same here."""

LEGACY_TABLES = frozenset({"snapshot_storage", "http_client"})
"""Tables of the old services' files that mean nothing here: there is no database."""

ALIASES = "aliases"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestAccess:
    """Who may send."""

    tls_cert_file: Path | None
    tls_key_file: Path | None
    tls_client_ca_file: Path | None
    token_file: Path | None
    allow_networks: tuple[Network, ...]

    @property
    def is_open(self) -> bool:
        """Whether everyone who can reach the port may send."""
        return not (self.tls_client_ca_file or self.token_file or self.allow_networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a service needs to know before it starts."""

    ingest_listen_address: Address
    web_listen_address: Address
    log_level: str
    log_format: LogFormat
    max_downstreams_exposed: int | None
    redact_ip: bool
    ingest_access: IngestAccess
    limits: Limits
    web_config_file: Path | None
    web_limits: WebLimits
    old_shapes: bool
    history: HistorySource
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the command line says."""

    flags: Mapping[str, str]
    """Values of settings, unparsed, by field."""
    config_file: Path | None
    check: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def parse_command_line(service: Service, argv: Sequence[str]) -> CommandLine:
    """Raises `ConfigError`; --help and --version end the process."""
    parser = _Parser(
        prog=service.value,
        allow_abbrev=False,
        description=_DESCRIPTIONS[service],
        epilog=f"Every setting can also be given as an environment variable, "
        f"{settings_of(service)[0].variable(service)} for the first one, or in the file. "
        f"A flag beats the environment, which beats the file.",
    )
    parser.add_argument("--version", action="version", version=f"{service.value} {__version__}")
    parser.add_argument("--config.file", dest="config_file", metavar="FILE", help="a TOML file")
    parser.add_argument(
        "--config.check", dest="check", action="store_true", help="check all settings and exit"
    )
    for setting in settings_of(service):
        parser.add_argument(
            setting.flag,
            dest=setting.field,
            metavar=setting.metavar,
            help=setting.help + _default(setting),
            nargs="?" if setting.is_switch else None,
            const="true" if setting.is_switch else None,
        )
    values = vars(parser.parse_args(argv))
    config_file, check = values.pop("config_file"), values.pop("check")
    flags = {field: text for field, text in values.items() if text is not None}
    return CommandLine(flags, None if config_file is None else Path(config_file), check)


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default == () or setting.is_switch:
        return ""
    return f" (default {setting.default})"


_DESCRIPTIONS = {
    Service.PROXY: "Takes snapshots of a translation proxy's miners over TCP "
    "and exposes them to Prometheus.",
    Service.POOL: "Takes snapshots of a pool's downstream connections over TCP "
    "and exposes them to Prometheus.",
}


def read_file(path: Path) -> Mapping[str, object]:
    """The tables of a TOML file. Raises `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"--config.file {path}: {error}") from error


def build_config(
    service: Service,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    tables: Mapping[str, object],
) -> Config:
    """One configuration of all three. Raises `ConfigError` that names the key."""
    settings = settings_of(service)
    from_file, aliases = _from_file(settings, tables)
    values: dict[str, Value] = {}
    for setting in settings:
        variable = setting.variable(service)
        if setting.field in flags:
            values[setting.field] = _parse(setting, flags[setting.field], setting.flag)
        elif variable in environment:
            values[setting.field] = _parse(setting, environment[variable], variable)
        else:
            values[setting.field] = from_file.get(setting.field, setting.default)
    return Config(
        ingest_listen_address=cast("Address", values["ingest_listen_address"]),
        web_listen_address=cast("Address", values["web_listen_address"]),
        log_level=cast("str", values["log_level"]),
        log_format=cast("LogFormat", values["log_format"]),
        max_downstreams_exposed=cast("int | None", values["limits_max_downstreams_exposed"]),
        redact_ip=cast("bool", values["privacy_redact_ip"]),
        ingest_access=_ingest_access(values),
        limits=_gathered(Limits, "limits", values),
        web_config_file=cast("Path | None", values["web_config_file"]),
        web_limits=_gathered(WebLimits, "web", values),
        old_shapes=cast("bool", values["web_old_shapes"]),
        history=_gathered(HistorySource, "history", values),
        aliases=aliases,
    )


def _ingest_access(values: Mapping[str, Value]) -> IngestAccess:
    access = _gathered(IngestAccess, "ingest", values)
    if (access.tls_cert_file is None) != (access.tls_key_file is None):
        raise ConfigError("--ingest.tls-cert-file and --ingest.tls-key-file: each needs the other")
    if access.tls_client_ca_file is not None and access.tls_cert_file is None:
        raise ConfigError("--ingest.tls-client-ca-file: needs --ingest.tls-cert-file too")
    return access


G = TypeVar("G", HistorySource, IngestAccess, Limits, WebLimits)


def _gathered(type_: type[G], table: str, values: Mapping[str, Value]) -> G:
    given = {field.name: values[f"{table}_{field.name}"] for field in fields(type_)}
    return type_(**given)  # type: ignore[arg-type]  # each setting parses to its field's type


def _parse(setting: Setting, text: str, where: str) -> Value:
    try:
        return setting.parse(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _from_file(
    settings: Sequence[Setting], tables: Mapping[str, object]
) -> tuple[Mapping[str, Value], Mapping[str, str]]:
    by_place = {(setting.table, setting.key): setting for setting in settings}
    by_field = {setting.field: setting for setting in settings}
    for place, field in LEGACY_KEYS.items():
        by_place[place] = by_field[field]
    values: dict[str, Value] = {}
    aliases: Mapping[str, str] = {}
    for table, content in tables.items():
        if not isinstance(content, dict):
            raise ConfigError(f"config file: {table} stands outside of any [table]")
        if table == ALIASES:
            aliases = _aliases(content)
        elif table not in LEGACY_TABLES:
            for key, value in content.items():
                setting = _known(by_place, table, key)
                values[setting.field] = _parse(
                    setting, _text(value), f"config file: [{table}] {key}"
                )
    return values, aliases


def _known(by_place: Mapping[tuple[str, str], Setting], table: str, key: str) -> Setting:
    setting = by_place.get((table, key))
    if setting is None:
        known = [f"[{table}] {key}" for table, key in by_place]
        close = get_close_matches(f"[{table}] {key}", known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"config file: [{table}] {key} is no setting{hint}")
    return setting


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _aliases(content: Mapping[str, object]) -> Mapping[str, str]:
    aliases = {}
    for address, source in content.items():
        try:
            # Spelled as a peer's address will be, whatever its spelling here.
            known = str(ip_address(address))
        except ValueError as error:
            raise ConfigError(f"config file: [{ALIASES}] {error}") from error
        if not isinstance(source, str) or not source:
            raise ConfigError(f"config file: [{ALIASES}] {address}: must be a source's name")
        aliases[known] = source
    return aliases
