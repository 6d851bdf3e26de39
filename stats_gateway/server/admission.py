"""Decides who may be connected to a listener, and which connection gives way to a new one.

Both listeners own one `Admission` each. A listener calls `admit` for every accepted socket, before
it spends memory on the peer; `place` whenever the peer's standing changes; and `leave` when the
connection has ended. `admit` may name another connection that has to be closed for the new one:
that connection has lost its place already, and the listener only has to close its socket.

The rules, where a client is a network as `client_network` names it:

- A client that holds more connections than the newcomer's client would hold gives way first, with
  its connection of the lowest standing, whatever that standing is. Of several such connections
  the one that has had this standing longest is closed.
- Where no client holds more, a connection whose standing is below `GIVES_WAY_BELOW` is closed.
- Otherwise the newcomer is refused with `ConnectionRefused`.
- A trusted connection never gives way, and does not count against its client.
- TLS handshakes have bounds of their own, and only a handshake gives way to a handshake.

No method looks at all connections, so that a storm of them costs the same for each of them.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeAlias

from stats_gateway.errors import ConnectionReason, ConnectionRefused

IPV6_CLIENT_BITS = 64
"""The length of the network in which one IPv6 host chooses its addresses freely."""

MAX_HANDSHAKES = 64
"""Unfinished TLS handshakes of one listener: each takes 0.3 MiB, so that all take 20 MiB."""

MAX_HANDSHAKES_OF_ONE = 32
"""Unfinished TLS handshakes of one client: a whole site may reconnect from behind one address."""


class Standing(IntEnum):
    """How much a connection has shown of its use, from the least to the most."""

    HANDSHAKE = 0
    """The TLS handshake is not finished."""
    UNPROVEN = 1
    """The peer has sent nothing good yet."""
    RESTING = 2
    """The peer was answered, and asks nothing at the moment."""
    NAMED = 3
    """The peer gave its name, and nothing that is shown."""
    BUSY = 4
    """The peer is being answered, or its snapshot is shown."""
    TRUSTED = 5
    """The peer has shown a token or a certificate, where one is required."""


GIVES_WAY_BELOW = Standing.NAMED
"""A connection of lower standing gives way to a newcomer that holds as many connections."""

Number: TypeAlias = int
"""What the listener calls a connection; never used twice."""


def client_network(address: str) -> str:
    """The network that counts as one client: the address itself, or the /64 of an IPv6 address.

    `192.0.2.7` is `192.0.2.7`, and `2001:db8::7` is `2001:db8::/64`.
    """
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_CLIENT_BITS), strict=False))


@dataclass(frozen=True, slots=True)
class GivesWay:
    """A connection that must be closed for a new one, and the reason for the log."""

    number: Number
    detail: str


class Admission:
    """The connections that are admitted to one listener; one object that nobody else doubles."""

    def __init__(
        self,
        max_connections: int,
        max_handshakes: int = MAX_HANDSHAKES,
        max_handshakes_of_one: int = MAX_HANDSHAKES_OF_ONE,
    ) -> None:
        self._max_connections = max_connections
        self._max_handshakes = max_handshakes
        self._max_handshakes_of_one = max_handshakes_of_one
        self._admitted: dict[Number, tuple[_Client, Standing]] = {}
        self._clients: dict[str, _Client] = {}
        self._handshakes = 0
        self._by_share = _Ranking()
        self._by_share_of_low = _Ranking()
        self._by_handshakes = _Ranking()

    def __len__(self) -> int:
        return len(self._admitted)

    def __contains__(self, number: Number) -> bool:
        return number in self._admitted

    def admit(self, number: Number, address: str, standing: Standing) -> GivesWay | None:
        """Admit the connection, and name the one that gives way to it, if there has to be one.

        Raises `ConnectionRefused`; then nothing has changed.
        """
        client = self._clients.get(client_network(address)) or _Client(client_network(address))
        victim = self._victim(client, standing)
        if victim is not None:
            self.leave(victim.number)
        self._clients[client.network] = client
        self._add(number, client, standing)
        return victim

    def place(self, number: Number, standing: Standing) -> None:
        """Set the standing of an admitted connection; of no effect for one that has left."""
        if number in self._admitted and self._admitted[number][1] is not standing:
            client = self._remove(number)
            self._add(number, client, standing)

    def leave(self, number: Number) -> None:
        """Give back the place of a connection; of no effect for one that has left."""
        if number in self._admitted:
            client = self._remove(number)
            if not client.count:
                del self._clients[client.network]

    def _victim(self, client: "_Client", standing: Standing) -> GivesWay | None:
        if standing is Standing.HANDSHAKE:
            if client.handshakes >= self._max_handshakes_of_one:
                return GivesWay(client.lowest(), "its address has too many unfinished handshakes")
            if self._handshakes >= self._max_handshakes:
                busiest = self._clients[self._by_handshakes.top()]
                return GivesWay(busiest.lowest(), "too many handshakes are unfinished")
        if len(self._admitted) < self._max_connections:
            return None
        if self._by_share:
            most = self._clients[self._by_share.top()]
            if most.share > client.share + 1:
                return GivesWay(most.lowest(), "its address holds the most connections")
        if self._by_share_of_low:
            low = self._clients[self._by_share_of_low.top()]
            return GivesWay(
                low.lowest(), "makes room for a new connection, since it is of no use yet"
            )
        detail = f"max_connections ({self._max_connections}) are open, and none may be closed"
        raise ConnectionRefused(ConnectionReason.TOO_MANY_CONNECTIONS, detail)

    def _add(self, number: Number, client: "_Client", standing: Standing) -> None:
        client.numbers[standing][number] = None
        self._admitted[number] = (client, standing)
        self._handshakes += standing is Standing.HANDSHAKE
        self._rank(client)

    def _remove(self, number: Number) -> "_Client":
        client, standing = self._admitted.pop(number)
        del client.numbers[standing][number]
        self._handshakes -= standing is Standing.HANDSHAKE
        self._rank(client)
        return client

    def _rank(self, client: "_Client") -> None:
        self._by_share.set(client.network, client.share)
        self._by_share_of_low.set(client.network, client.share if client.has_low else 0)
        self._by_handshakes.set(client.network, client.handshakes)


@dataclass(slots=True)
class _Client:
    """The connections of one client, by standing, each standing from the longest held."""

    network: str
    numbers: dict[Standing, dict[Number, None]] = field(
        default_factory=lambda: {standing: {} for standing in Standing}
    )

    @property
    def count(self) -> int:
        return sum(map(len, self.numbers.values()))

    @property
    def share(self) -> int:
        """The number of connections that may have to give way."""
        return self.count - len(self.numbers[Standing.TRUSTED])

    @property
    def handshakes(self) -> int:
        return len(self.numbers[Standing.HANDSHAKE])

    @property
    def has_low(self) -> bool:
        return any(self.numbers[standing] for standing in Standing if standing < GIVES_WAY_BELOW)

    def lowest(self) -> Number:
        """The connection that gives way first."""
        return next(number for one in self.numbers.values() for number in one)


class _Ranking:
    """Numbers of connections by client, with the client of the largest number at hand."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._clients: defaultdict[int, dict[str, None]] = defaultdict(dict)
        self._most = 0

    def __len__(self) -> int:
        return len(self._values)

    def set(self, client: str, value: int) -> None:
        """Give `client` this number; a client with 0 is in no ranking."""
        before = self._values.pop(client, 0)
        if before:
            del self._clients[before][client]
            if not self._clients[before]:
                del self._clients[before]
        if value:
            self._values[client] = value
            self._clients[value][client] = None
            self._most = max(self._most, value)

    def top(self) -> str:
        """The client with the largest number, of several the one that has had it longest."""
        while self._most not in self._clients:
            self._most -= 1
        return next(iter(self._clients[self._most]))
