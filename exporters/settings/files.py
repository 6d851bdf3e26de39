"""Reads configuration files: bounded, as UTF-8, with errors that name the file and the cause."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from exporters.errors import ConfigError

MAX_FILE_BYTES = 1 << 20
"""Largest configuration file: thousands of tokens fit, and a wrong path cannot fill the memory."""

_ENDLESS_NUMBER = re.compile(r"^(?P<before>[^\n]*?)[0-9_]{4000,}", re.MULTILINE)
"""A line with a number of more digits than Python reads."""


def read_text(path: Path) -> str:
    """The text of a file. Raises `ConfigError` with the cause; the caller names the file."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigError(f"is larger than {MAX_FILE_BYTES} bytes, so it is no configuration")
        # Some editors begin a file with a byte order mark, which is no part of the text.
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(error.strerror or str(error)) from error
    except ValueError as error:
        # Bytes that are no UTF-8, or a path with a NUL.
        raise ConfigError(str(error)) from error


def parse_toml(text: str) -> Mapping[str, object]:
    """The tables of a TOML file. Raises `ConfigError` with the place and the cause."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(error)) from error
    except RecursionError as error:
        raise ConfigError("arrays or tables are nested too deeply") from error
    except ValueError as error:
        # The parser says neither line nor key where a number or a date cannot be.
        found = _ENDLESS_NUMBER.search(text)
        if found is None:
            raise ConfigError(str(error)) from error
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigError(f"line {line}: {found['before']}a number with too many digits") from error
