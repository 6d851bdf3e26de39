"""Builds one frozen configuration from flags, environment and file; reads nothing by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from exporters.errors import ConfigError, did_you_mean, errors_in
from exporters.settings.addresses import Address
from exporters.settings.aliases import parse_aliases
from exporters.settings.catalogue import settings_of
from exporters.settings.limits import WebLimits
from exporters.settings.setting import Label, Setting
from exporters.settings.tables.log import LogFormat, LogLevel
from stats_gateway.limits import Limits
from stats_gateway.store.origin import CertificateName, Network
from stats_gateway.wire.services import Service

LEGACY_KEYS = {
    ("server", "tcp_listen_address"): "ingest_listen_address",
    ("server", "http_listen_address"): "web_listen_address",
}
"""The keys of the old services' files that mean the same here."""

LEGACY_TABLES = frozenset({"snapshot_storage", "http_client"})
"""Tables of the old services' files that mean nothing here: there is no database."""

ALIASES = "aliases"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestAccess:
    """The rules of who may send."""

    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None
    tls_client_source: CertificateName = CertificateName.NONE
    token_file: Path | None = None
    allow_networks: tuple[Network, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether everyone who can reach the port may send."""
        return not (self.tls_client_ca_file or self.token_file or self.allow_networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySource:
    """A Prometheus that scrapes this service."""

    prometheus_url: str | None = None
    authorization_file: Path | None = None
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that a service needs to know before it starts."""

    ingest_listen_address: Address
    web_listen_address: Address
    log_level: LogLevel
    log_format: LogFormat
    warn_if_open: bool
    max_downstreams_exposed: int
    redact_ip: bool
    ingest_access: IngestAccess
    limits: Limits
    web_config_file: Path | None
    web_limits: WebLimits
    old_shapes: bool
    history: HistorySource
    aliases: Mapping[str, str]


def build_config(
    service: Service,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    tables: Mapping[str, object],
    file: str = "config file",
) -> Config:
    """One configuration of flags, environment, and the tables of `file`.

    Raises `ConfigError` that names the flag, the variable, or the file and its key.
    """
    settings = settings_of(service)
    # Any: each setting reads to the type of its field, as a test holds.
    values: dict[str, Any] = {setting.field: setting.default for setting in settings}
    values |= _from_file(settings, tables, file)
    for setting in settings:
        variable = setting.variable(service)
        if setting.field in flags:
            with errors_in(setting.flag):
                values[setting.field] = setting.read(flags[setting.field])
        elif variable in environment:
            with errors_in(variable):
                values[setting.field] = setting.read(environment[variable])
    with errors_in(f"{file}: [{ALIASES}]"):
        aliases = parse_aliases(tables.get(ALIASES, {}))
    config = Config(
        ingest_listen_address=values["ingest_listen_address"],
        web_listen_address=values["web_listen_address"],
        log_level=values["log_level"],
        log_format=values["log_format"],
        warn_if_open=values["log_warn_if_open"],
        max_downstreams_exposed=values["limits_max_downstreams_exposed"],
        redact_ip=values["privacy_redact_ip"],
        ingest_access=_gathered(IngestAccess, "ingest", values),
        limits=_gathered(Limits, "limits", values),
        web_config_file=values["web_config_file"],
        web_limits=_gathered(WebLimits, "web", values),
        old_shapes=values["web_old_shapes"],
        history=_gathered(HistorySource, "history", values),
        aliases=aliases,
    )
    _check(config)
    return config


def _gathered(type_: type[T], table: str, values: Mapping[str, Any]) -> T:
    """A `type_`, whose fields are the settings of one table."""
    names = [field.name for field in fields(type_)]  # type: ignore[arg-type]  # all are dataclasses
    return type_(**{name: values[f"{table}_{name}"] for name in names})


def _check(config: Config) -> None:
    """Raises `ConfigError` where two settings do not fit together."""
    access, limits = config.ingest_access, config.limits
    if (access.tls_cert_file is None) != (access.tls_key_file is None):
        raise ConfigError("--ingest.tls-cert-file and --ingest.tls-key-file: each needs the other")
    if access.tls_client_ca_file is not None and access.tls_cert_file is None:
        raise ConfigError("--ingest.tls-client-ca-file: needs --ingest.tls-cert-file too")
    if access.tls_client_source is not CertificateName.NONE and access.tls_client_ca_file is None:
        raise ConfigError("--ingest.tls-client-source: needs --ingest.tls-client-ca-file too")
    if limits.max_buffered_bytes < limits.max_message_bytes:
        raise ConfigError(
            f"--limits.max-buffered-bytes ({limits.max_buffered_bytes}) must be at least "
            f"--limits.max-message-bytes ({limits.max_message_bytes}), or no large message fits"
        )


def _from_file(
    settings: Sequence[Setting], tables: Mapping[str, object], file: str
) -> Mapping[str, object]:
    """The values in the file's tables, by the settings' fields."""
    by_place = {(setting.table, setting.key): setting for setting in settings}
    by_field = {setting.field: setting for setting in settings}
    by_place |= {place: by_field[field] for place, field in LEGACY_KEYS.items()}
    values: dict[str, object] = {}
    for table, content in tables.items():
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: {table} stands outside of any [table]")
        if table == ALIASES or table in LEGACY_TABLES:
            continue
        for key, value in content.items():
            setting = by_place.get((table, key))
            if setting is None:
                hint = did_you_mean(f"[{table}] {key}", (f"[{t}] {k}" for t, k in by_place))
                raise ConfigError(f"{file}: [{table}] {key} is no setting{hint}")
            with errors_in(f"{file}: [{table}] {key}"):
                values[setting.field] = setting.read(value)
    return values
