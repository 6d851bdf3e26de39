"""What a setting is, and how its text is read."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from exporters.settings.addresses import Address
from stats_gateway.intake.access import Network
from stats_gateway.wire.services import Service

Label = tuple[str, str]
"""A name and its value."""

Value = Address | Path | tuple[Network, ...] | tuple[Label, ...] | str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a service."""

    table: str
    key: str
    metavar: str
    help: str
    parse: Callable[[str], Value]
    """Raises ValueError with what would be right."""
    default: Value = None
    is_switch: bool = False
    """Whether the flag alone means true."""
    flag_key: str = ""
    """The key as it is in the flag, where that is not the usual spelling."""

    @property
    def flag(self) -> str:
        """As it is given on the command line."""
        return f"--{self.table}.{self.flag_key or self.key.replace('_', '-')}"

    @property
    def field(self) -> str:
        """Its place among the parsed values."""
        return f"{self.table}_{self.key}"

    def variable(self, service: Service) -> str:
        """Its name in the environment of `service`."""
        return f"{service.value.replace('-', '_')}_{self.field}".upper()


def whole_number(smallest: int, largest: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdecimal() and smallest <= int(text) <= largest:
            return int(text)
        raise ValueError(f"must be a whole number from {smallest} to {largest}, not {text!r}")

    return parse


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise ValueError(f"must be a number of seconds above 0, not {text!r}")
    return value


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser of a closed set of words."""

    def parse(text: str) -> str:
        if text in choices:
            return text
        raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}, not {text!r}")

    return parse


def yes_or_no(text: str) -> bool:
    """`true` or `false`."""
    return one_of("true", "false")(text) == "true"


def existing_file(text: str) -> Path:
    """The path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"no such file: {text!r}")
    return path


def networks(text: str) -> tuple[Network, ...]:
    """Networks as `10.0.0.0/8,fd00::/8`; a bare address is a network of one."""
    return tuple(ip_network(one.strip()) for one in text.split(","))
