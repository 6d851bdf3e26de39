"""This module writes log lines on standard error, as logfmt or JSON, like the services do."""

import json
import logging
import sys
from datetime import UTC, datetime

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS = ("logfmt", "json")
_NAMES = {number: name for name, number in LEVELS.items()}


def configure_logging(level: str, format_: str) -> None:
    """Send every logger's lines from `level` up to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if format_ == "json" else _LogfmtFormatter())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)


class _LogfmtFormatter(logging.Formatter):
    """`ts=… level=info logger=… msg="…"`."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = self.fields(record).items()
        return " ".join(f"{key}={_quoted(value)}" for key, value in pairs)

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "ts": time.replace("+00:00", "Z"),
            "level": _NAMES.get(record.levelno, "error"),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return fields


class _JsonFormatter(_LogfmtFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.fields(record))


def _quoted(value: str) -> str:
    is_plain = value and value.isprintable() and not set(value) & set(' "=\\')
    return value if is_plain else json.dumps(value)
