"""This module decides whether a miner's connection is let in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from stats_feed.tap.books.counts import Refusal
from stats_gateway.server.admission import client_network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """Who is let in: everyone, where there are no networks; None sets no bound."""

    networks: Sequence[Network] = ()
    max_connections: int
    max_per_address: int | None = None


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address is in one of the networks."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(ip in network for network in networks)


class Admission:
    """The connections that are in. Each is counted from its accept, and by client once known.

    A client is what `client_network` names: an IPv4 address, or the /64 of an IPv6 address.
    """

    def __init__(self, rules: AdmissionRules) -> None:
        self._rules = rules
        self._count = 0
        self._by_client: Counter[str] = Counter()

    def enter(self) -> Refusal | None:
        """Count a connection, or tell why it may not come in."""
        if self._count >= self._rules.max_connections:
            return Refusal.TOO_MANY
        self._count += 1
        return None

    def claim(self, address: str) -> Refusal | None:
        """Count a connection that is in under its client, or tell why it may not stay."""
        rules = self._rules
        if rules.networks and not is_in(address, rules.networks):
            return Refusal.NETWORK
        client = client_network(address)
        most = rules.max_per_address
        if most is not None and self._by_client[client] >= most:
            return Refusal.TOO_MANY_OF_ADDRESS
        self._by_client[client] += 1
        return None

    def leave(self, address: str | None) -> None:
        """Count a connection out, and its client where its address was claimed."""
        self._count -= 1
        if address is not None:
            client = client_network(address)
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]
