"""Aliases: the source names of senders without `Hello`, by the address they connect from."""

from collections.abc import Mapping
from ipaddress import ip_address

from exporters.errors import ConfigError, shown
from stats_gateway.limits import MAX_NAME_BYTES
from stats_gateway.rows.text import clean
from stats_gateway.store.source_names import is_address_like


def parse_aliases(content: Mapping[str, object]) -> Mapping[str, str]:
    """The table `[aliases]` of the file. Raises `ConfigError` that names the address."""
    aliases: dict[str, str] = {}
    for text, source in content.items():
        try:
            # Spelled as a peer's address will be, whatever its spelling in the file.
            address = str(ip_address(text))
        except ValueError as error:
            raise ConfigError(f"{shown(text)} is no IP address") from error
        if address in aliases:
            raise ConfigError(f"{text}: the address {address} has two aliases")
        aliases[address] = _checked(text, source)
    return aliases


def _checked(address: str, source: object) -> str:
    """The name `source`, held to the rules of names that a sender may give itself."""
    if not isinstance(source, str) or not source:
        raise ConfigError(f"{address}: must be the name of a source, in quotes")
    if clean(source, MAX_NAME_BYTES) != source or not source.isprintable():
        raise ConfigError(
            f"{address}: the name {shown(source)} must be 1 to {MAX_NAME_BYTES} bytes of "
            "printable text"
        )
    if source != source.strip():
        raise ConfigError(f"{address}: the name {shown(source)} has white space at an end")
    if is_address_like(source):
        raise ConfigError(
            f"{address}: the name {shown(source)} would be another sender's without Hello: "
            "choose a name that is no address and has no #"
        )
    return source
