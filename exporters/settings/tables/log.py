"""The settings of log lines."""

from enum import StrEnum

from exporters.settings.setting import Setting, one_of, yes_or_no


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
    Setting(
        *("log.warn_if_open", "BOOL", yes_or_no),
        help="warn at the start where other machines may send or read without any check; false "
        "is for containers, whose published ports decide who they are",
        default=True,
    ),
)
