"""Log lines on standard error, as logfmt or JSON, one event a line whatever a peer put in it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from exporters.settings.catalogue import LogFormat

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LEVEL_NAMES = {number: name for name, number in _LEVELS.items()} | {logging.CRITICAL: "error"}


def configure_logging(level: str, format_: LogFormat, stream: TextIO = sys.stderr) -> None:
    """Send every logger's lines from `level` up to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_FORMATTERS[format_]())
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    # uvicorn tells at info what this program says better itself.
    logging.getLogger("uvicorn").setLevel(max(_LEVELS[level], logging.WARNING))


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields = {
        "ts": time.replace("+00:00", "Z"),
        "level": _LEVEL_NAMES.get(record.levelno, record.levelname.lower()),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    if record.exc_info:
        fields["error"] = formatter.formatException(record.exc_info)
    return fields


class LogfmtFormatter(logging.Formatter):
    """`ts=… level=info logger=… msg="…"`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        pairs = _fields(self, record).items()
        return " ".join(f"{key}={_quoted(value)}" for key, value in pairs)


class JsonFormatter(logging.Formatter):
    """One JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(_fields(self, record))


_FORMATTERS = {LogFormat.LOGFMT: LogfmtFormatter, LogFormat.JSON: JsonFormatter}


def _quoted(value: str) -> str:
    plain = value.isprintable() and not set(value) & set(' "=\\')
    return value if plain and value else json.dumps(value)
