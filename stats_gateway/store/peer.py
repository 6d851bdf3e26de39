"""A peer is one open connection of a sender, with all that the gateway knows of the sender."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stats_gateway.store.parts import PartKind
from stats_gateway.wire.messages import Hello


@dataclass(slots=True, kw_only=True, eq=False)
class Peer:
    """One connection, from accept to close; the intake is the only one to change its standing."""

    number: int
    """Connections are numbered in the order in which they are accepted."""
    address: str
    """The peer's address without its port."""
    network: str
    """The address, or of an IPv6 address the network of 64 bits that one peer can choose from."""
    alias: str | None = None
    """The configured name of the address, which a sender without Hello goes by."""
    certificate_names: frozenset[str] | None = None
    """The sources that the peer's certificate allows; None where certificates bind no source."""
    hello: Hello | None = None
    has_sent_valid: bool = False
    """Whether the peer has ever sent a message that was accepted."""
    is_trusted: bool = False
    """Whether the peer has shown the token or the certificate that is required."""
    is_shown: bool = False
    """Whether something that the peer has sent is shown."""
    is_superseded: bool = False
    """Whether another connection has taken its name since; nothing it says counts any more."""
    places: dict[PartKind, str] = field(default_factory=dict)
    """The source that each kind of the peer's messages goes to."""
    received_bytes: int = 0
    held_bytes: int = 0
    """Bytes of messages that are unfinished or wait to be decoded."""

    @property
    def source(self) -> str | None:
        """The name that the peer gave itself by `Hello` and that it still has."""
        return None if self.hello is None or self.is_superseded else self.hello.source

    @property
    def address_name(self) -> str:
        """The name of the source of a peer that says no `Hello`."""
        return self.alias or self.address

    @property
    def interval(self) -> float | None:
        """Seconds between two snapshots, as the peer declared in `Hello`."""
        return None if self.hello is None else self.hello.interval


Peers = Mapping[int, Peer]
"""The open connections by number."""
