"""Aliases: the source names of senders without `Hello`, by the address they connect from."""

from collections.abc import Mapping
from ipaddress import ip_address

from exporters.errors import ConfigError, shown
from stats_gateway.limits import MAX_NAME_BYTES
from stats_gateway.store.source_names import is_address_like, is_visible_name


def parse_aliases(content: object) -> Mapping[str, str]:
    """The table `[aliases]` of the file. Raises `ConfigError` that names the address."""
    if not isinstance(content, dict):
        raise ConfigError("must be a table of addresses and names")
    aliases: dict[str, str] = {}
    for text, source in content.items():
        try:
            # Spelled as a peer's address will be, whatever its spelling in the file.
            address = str(ip_address(text))
        except ValueError as error:
            raise ConfigError(f"{shown(text)} is no IP address") from error
        if address in aliases:
            raise ConfigError(f"{text}: the address {address} has two aliases")
        if not isinstance(source, str) or not is_visible_name(source) or is_address_like(source):
            raise ConfigError(
                f"{text}: {shown(source)} must be a name: 1 to {MAX_NAME_BYTES} bytes of printable "
                "text without white space at its ends, which is no address and has no #"
            )
        aliases[address] = source
    return aliases
