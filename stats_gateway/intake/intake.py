"""The intake is the one way of a message: from its payload, decoded and checked, into the store.

The service, the benchmark, the fuzzer and the tests all call the same two steps. `read` does what
takes long and changes nothing, so it may run on a worker thread; `accept` runs on the thread that
owns the store, and does what must not be torn apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stats_gateway import __version__
from stats_gateway.clock import Now
from stats_gateway.errors import (
    ConnectionReason,
    ConnectionRefused,
    Dropped,
    MessageRefused,
    Reason,
)
from stats_gateway.intake.access import Access, OpenAccess, check_certificate, check_hello
from stats_gateway.intake.counters import Counters
from stats_gateway.limits import Limits
from stats_gateway.store.contents import Update, content_of, part_kind
from stats_gateway.store.peer import Peer
from stats_gateway.store.privacy import without_addresses
from stats_gateway.store.store import Change, Store
from stats_gateway.wire.decoding import Message, MessageDecoder, RetiredEvent, message_type
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import Hello, Welcome

HELLO_BYTES = 16 * 1024
"""As much as a peer may send before the `Hello` that is required: a `Hello` has a few hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One message that is decoded and checked, and the change that it would make to the store."""

    message: Message
    change: Change | None = None
    """None for a message that says nothing of a source."""
    dropped: Dropped = field(default_factory=Dropped)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is left to do for the connection whose message was accepted."""

    answer: Welcome | None = None
    superseded: Peer | None = None
    """The peer that has lost its name to this one, and whose connection must be closed."""


class Intake:
    """Takes messages in for one service, and keeps the standing of every peer."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        *,
        access: Access | None = None,
        aliases: Mapping[str, str] | None = None,
        redact_ip: bool = False,
    ) -> None:
        """`aliases` are names for the addresses of senders that do not say `Hello`."""
        self.store = store
        self.counters = Counters()
        self._access = access or OpenAccess()
        self._aliases = aliases or {}
        self._redact_ip = redact_ip
        self._decoders = {one: MessageDecoder(one, limits.max_rows) for one in Encoding}

    def connect(
        self,
        number: int,
        address: str,
        network: str | None = None,
        certificate_names: frozenset[str] | None = None,
    ) -> Peer:
        """Take note of a new connection from `address`, which is in `network`."""
        peer = Peer(
            number=number,
            address=address,
            network=network or address,
            alias=self._aliases.get(address),
            certificate_names=certificate_names,
        )
        self.store.connect(peer)
        return peer

    def disconnect(self, peer: Peer, now: Now) -> None:
        """The peer's connection is closed."""
        self.store.disconnect(peer, now)

    def may_send(self, peer: Peer) -> bool:
        """Whether the peer may send more than a `Hello`."""
        needs_hello = self._access.needs_hello or peer.certificate_names is not None
        return peer.hello is not None or not needs_hello

    def received(self, peer: Peer, size: int) -> None:
        """Count bytes. Raises `ConnectionRefused` for too many before a required `Hello`."""
        self.counters.received_bytes += size
        peer.received_bytes += size
        if peer.received_bytes > HELLO_BYTES and not self.may_send(peer):
            raise _hello_required()

    def read(
        self, payload: bytes | bytearray, encoding: Encoding, peer: Peer, received: Now
    ) -> Reading:
        """Decode and check one message that arrived at `received`; changes nothing.

        Raises `MessageRefused`, and `ConnectionRefused` for a `Hello` that does not decode.
        """
        decoder = self._decoders[encoding]
        message = decoder.decode(payload)
        if isinstance(message, Hello | RetiredEvent):
            return Reading(message=message)
        dropped = Dropped()
        change = self._change(message, decoder, peer, received, dropped)
        return Reading(message=message, change=change, dropped=dropped)

    def accept(self, reading: Reading, peer: Peer, received: Now) -> Accepted:
        """Put what was read into the store, for all readers at once.

        Raises `MessageRefused`, after which nothing has changed, and `ConnectionRefused`.
        """
        accepted = Accepted()
        if isinstance(reading.message, Hello):
            accepted = self._greet(reading.message, peer)
        elif not self.may_send(peer):
            raise _hello_required()
        elif peer.hello is not None:
            # Once more, since the tokens may have changed since the peer said Hello.
            self._access.check(peer.hello)
        if reading.change is not None:
            self.store.apply(reading.change, received)
            peer.is_shown = True
            self.counters.values_dropped.update(reading.dropped)
            self.counters.waiting.append(received.monotonic)
        self.counters.messages[message_type(reading.message)] += 1
        peer.has_sent_valid = True
        return accepted

    def refuse(self, refusal: MessageRefused) -> None:
        """Count a message that was refused."""
        self.counters.messages_refused[refusal.reason] += 1

    def _change(
        self, update: Update, decoder: MessageDecoder, peer: Peer, received: Now, dropped: Dropped
    ) -> Change:
        kind = part_kind(update, self.store.service)
        claim = self.store.claim(peer, kind)
        content = content_of(update, decoder, claim.previous, received, dropped)
        if self._redact_ip:
            content = without_addresses(content)
        return Change(claim=claim, content=content, timestamp=update.timestamp)

    def _greet(self, hello: Hello, peer: Peer) -> Accepted:
        if peer.hello is not None or peer.has_sent_valid:
            raise MessageRefused(Reason.BAD_HELLO, "Hello must be the first message")
        peer.hello = hello
        check_hello(hello, self._aliases)
        check_certificate(hello, peer.certificate_names)
        self._access.check(hello)
        peer.is_trusted = self._access.needs_hello or peer.certificate_names is not None
        superseded = self.store.name(peer, hello.source)
        return Accepted(Welcome(version=__version__), superseded)


def _hello_required() -> ConnectionRefused:
    detail = "a token or a certificate is required: say Hello first"
    return ConnectionRefused(ConnectionReason.BAD_TOKEN, detail)
