"""The settings of log lines."""

from enum import StrEnum

from exporters.settings.setting import Setting, one_of


class LogLevel(StrEnum):
    """How important a log line is."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


LOG = (
    Setting(
        *("log.level", "LEVEL", one_of(LogLevel)),
        help="least important lines that are written: debug, info, warn or error",
        default=LogLevel.INFO,
    ),
    Setting(
        *("log.format", "FORMAT", one_of(LogFormat)),
        help="format of the lines: logfmt or json",
        default=LogFormat.LOGFMT,
    ),
)
