"""Log lines on standard error, as logfmt or JSON, one event a line whatever a peer put in it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from exporters.settings.tables.log import LogFormat, LogLevel

MAX_TEXT_BYTES = 4096
"""Longest text of an event, as written: peers choose parts of the texts, and disks are finite."""

MAX_TRACE_BYTES = 16384
"""Longest traceback, as written: the innermost frames, which come last, are kept."""

MAX_LINE_BYTES = MAX_TEXT_BYTES + MAX_TRACE_BYTES + 512
"""Longest line: time, level, logger and the names of the fields take less than 512 bytes."""

_MAX_BYTES_PER_CHARACTER = 12
"""JSON writes a character beyond the first 65,536 as two escapes of six bytes."""

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
_LEVEL_NAMES = {number: name.value for name, number in _LEVELS.items()} | {
    logging.CRITICAL: LogLevel.ERROR.value
}


def configure_logging(level: LogLevel, format_: LogFormat, stream: TextIO = sys.stderr) -> None:
    """Send every logger's lines from `level` up to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_FORMATTERS[format_]())
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    # What uvicorn logs at info, this program logs itself, in its own words.
    logging.getLogger("uvicorn").setLevel(max(_LEVELS[level], logging.WARNING))


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields = {
        "ts": time.replace("+00:00", "Z"),
        "level": _LEVEL_NAMES.get(record.levelno, record.levelname.lower()),
        "logger": record.name,
        "msg": _beginning(record.getMessage(), MAX_TEXT_BYTES),
    }
    if record.exc_info:
        fields["error"] = _end(formatter.formatException(record.exc_info), MAX_TRACE_BYTES)
    return fields


class LogfmtFormatter(logging.Formatter):
    """Writes `ts=… level=info logger=… msg="…"`."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line."""
        pairs = _fields(self, record).items()
        return " ".join(f"{key}={_quoted(value)}" for key, value in pairs)


class JsonFormatter(logging.Formatter):
    """Writes one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The event on one line."""
        return json.dumps(_fields(self, record))


_FORMATTERS = {LogFormat.LOGFMT: LogfmtFormatter, LogFormat.JSON: JsonFormatter}


def _quoted(value: str) -> str:
    plain = value.isprintable() and not set(value) & set(' "=\\')
    return value if plain and value else json.dumps(value)


def _beginning(text: str, max_bytes: int) -> str:
    """`text`, cut at its end so that it takes at most `max_bytes` as JSON."""
    if len(text) * _MAX_BYTES_PER_CHARACTER < max_bytes:
        return text
    mark, kept = "", text[:max_bytes]
    while len(json.dumps(kept + mark)) > max_bytes:
        kept = kept[: len(kept) * 3 // 4]
        mark = f"… ({len(text) - len(kept)} more characters)"
    return kept + mark


def _end(text: str, max_bytes: int) -> str:
    """`text`, cut at its beginning so that it takes at most `max_bytes` as JSON."""
    return _beginning(text[::-1], max_bytes)[::-1]
