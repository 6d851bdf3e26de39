"""A setting has one name in each place, and a parser for its text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from exporters.errors import shown
from exporters.settings.addresses import Address
from stats_gateway.store.origin import Network
from stats_gateway.wire.services import Service

MAX_SECONDS = 365 * 86400.0
"""Longest time a setting can say: a year, which is no bound in practice and fits every timer."""

_DIGITS = re.compile("[0-9]{1,20}")
_LABEL_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")

Label = tuple[str, str]
"""A name and its value."""

Value = Address | Path | Network | Label | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a service."""

    name: str
    """The table and key in the file, as `limits.max_rows`."""
    metavar: str
    parse: Callable[[str], Value]
    """Reads one value. Raises ValueError, whose text says what would be right."""
    help: str
    default: Value | tuple[Value, ...] = None
    is_switch: bool = False
    """Whether the flag without a value means true."""
    is_list: bool = False
    """Whether the setting takes several values: with commas in a text, as an array in the file."""
    flag_key: str = ""
    """The key as it is in the flag, where that is not the usual spelling."""

    @property
    def table(self) -> str:
        """The table in the file, as `limits`."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The key in the table, as `max_rows`."""
        return self.name.partition(".")[2]

    @property
    def flag(self) -> str:
        """The flag on the command line, as `--limits.max-rows`."""
        return f"--{self.table}.{self.flag_key or self.key.replace('_', '-')}"

    @property
    def field(self) -> str:
        """The name among the parsed values, as `limits_max_rows`."""
        return f"{self.table}_{self.key}"

    def variable(self, service: Service) -> str:
        """The variable in the environment of `service`, as `STATS_PROXY_LIMITS_MAX_ROWS`."""
        return f"{service.value.replace('-', '_')}_{self.field}".upper()

    def read(self, value: object) -> Value | tuple[Value, ...]:
        """What a text, or a value of the TOML file, means. Raises ValueError."""
        if self.is_list:
            return tuple(self.parse(item) for item in _items(value))
        return self.parse(_text(value))


def _items(value: object) -> Sequence[str]:
    """The values in a text with commas, in an array, or in a table of names and values."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return [f"{name}={_text(item)}" for name, item in value.items()]
    return [item.strip() for item in _text(value).split(",")]


def _text(value: object) -> str:
    if isinstance(value, list | dict):
        raise ValueError("must be one value, not an array or a table")  # noqa: TRY004 - as parsers do
    return str(value).lower() if isinstance(value, bool) else str(value)


def whole_number(smallest: int, largest: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range."""

    def parse(text: str) -> int:
        if _DIGITS.fullmatch(text) and smallest <= int(text) <= largest:
            return int(text)
        raise ValueError(f"must be a whole number from {smallest} to {largest}, not {shown(text)}")

    return parse


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= MAX_SECONDS:
        raise ValueError(
            f"must be a number of seconds above 0, and at most {MAX_SECONDS:.0f}, not {shown(text)}"
        )
    return value


E = TypeVar("E", bound=StrEnum)


def one_of(choices: type[E]) -> Callable[[str], E]:
    """A parser of the words of an enumeration."""
    *words, last = (choice.value for choice in choices)

    def parse(text: str) -> E:
        if text in (*words, last):
            return choices(text)
        raise ValueError(f"must be {', '.join(words)} or {last}, not {shown(text)}")

    return parse


def yes_or_no(text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise ValueError(f"must be true or false, not {shown(text)}")
    return text == "true"


def existing_file(text: str) -> Path:
    """The path of a file that exists, in a folder that this user may enter."""
    path = Path(text)
    try:
        path.stat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"{reason}: {shown(text)}") from error
    except ValueError as error:
        raise ValueError(f"cannot be the path of a file: {shown(text)}") from error
    if not path.is_file():
        raise ValueError(f"is no file: {shown(text)}")
    return path


def network(text: str) -> Network:
    """A network such as `10.0.0.0/8`; a bare address is a network of one."""
    try:
        return ip_network(text)
    except ValueError as error:
        reason = "has host bits set" if "host bits" in str(error) else "is no network"
        raise ValueError(f"{shown(text)} {reason}; a network is 10.0.0.0/8 or fd00::/8") from error


def label(text: str) -> Label:
    """A label as `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals or not _LABEL_NAME.fullmatch(name):
        raise ValueError(f"must be NAME=VALUE, not {shown(text)}")
    return name, value
