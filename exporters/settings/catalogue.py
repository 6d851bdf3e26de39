"""Every setting, written once: its flag, its key in the file, its variable in the environment.

`--limits.max-rows` is `max_rows` in the `[limits]` table of the file and
`STATS_PROXY_LIMITS_MAX_ROWS` in the environment of stats-proxy. A flag beats the environment, which
beats the file, which beats the default.
"""

from enum import StrEnum

from exporters.settings.addresses import Address, parse_address
from exporters.settings.history_settings import HISTORY
from exporters.settings.limit_settings import INGEST_LIMITS, WEB_LIMITS
from exporters.settings.setting import Setting, existing_file, networks, one_of, yes_or_no
from stats_gateway.wire.services import Service


class LogFormat(StrEnum):
    """How log lines are written."""

    LOGFMT = "logfmt"
    JSON = "json"


LOG_LEVELS = ("debug", "info", "warn", "error")


_INGEST_PORT = {Service.PROXY: 8082, Service.POOL: 9083}
_WEB_PORT = {Service.PROXY: 8084, Service.POOL: 9084}


def settings_of(service: Service) -> tuple[Setting, ...]:
    """Every setting of `service`, in the order of --help."""
    return (
        Setting(
            table="ingest",
            key="listen_address",
            metavar="HOST:PORT",
            help="where senders connect",
            parse=parse_address,
            default=Address("127.0.0.1", _INGEST_PORT[service]),
        ),
        Setting(
            table="web",
            key="listen_address",
            metavar="HOST:PORT",
            help="where /metrics and the API are",
            parse=parse_address,
            default=Address("127.0.0.1", _WEB_PORT[service]),
        ),
        Setting(
            table="log",
            key="level",
            metavar="LEVEL",
            help="debug, info, warn or error",
            parse=one_of(*LOG_LEVELS),
            default="info",
        ),
        Setting(
            table="log",
            key="format",
            metavar="FORMAT",
            help="logfmt or json",
            parse=lambda text: LogFormat(one_of(*LogFormat)(text)),
            default=LogFormat.LOGFMT,
        ),
        Setting(
            table="privacy",
            key="redact_ip",
            metavar="BOOL",
            help="forget the addresses of miners and connections as they come in",
            parse=yes_or_no,
            default=False,
            is_switch=True,
        ),
        *_INGEST_ACCESS,
        _WEB_CONFIG_FILE,
        _OLD_SHAPES,
        *HISTORY,
        *INGEST_LIMITS,
        *WEB_LIMITS,
    )


def _file(table: str, key: str, help_: str) -> Setting:
    return Setting(table=table, key=key, metavar="FILE", help=help_, parse=existing_file)


_INGEST_ACCESS = (
    _file("ingest", "tls_cert_file", "certificate chain shown to senders: turns TLS on"),
    _file("ingest", "tls_key_file", "the certificate's private key"),
    _file("ingest", "tls_client_ca_file", "authorities one of which must have signed a sender"),
    _file(
        "ingest",
        "token_file",
        "tokens of senders, one a line; after it the sources it may be used for, else all",
    ),
    Setting(
        table="ingest",
        key="allow_networks",
        metavar="CIDR,...",
        help="networks that senders may connect from (default: all)",
        parse=networks,
        default=(),
    ),
)
_WEB_CONFIG_FILE = Setting(
    table="web",
    key="config_file",
    metavar="FILE",
    help="TLS and basic authentication, in the exporter-toolkit's format",
    parse=existing_file,
    flag_key="config.file",
)
_OLD_SHAPES = Setting(
    table="web",
    key="old_shapes",
    metavar="BOOL",
    help="answer on the old services' paths in their shapes, for readers that cannot change yet",
    parse=yes_or_no,
    default=False,
    is_switch=True,
)
