"""An intake, and connections that speak to it: everything of the service but its sockets."""

from collections.abc import Mapping

from stats_gateway.clock import Now
from stats_gateway.errors import Dropped
from stats_gateway.intake.intake import Accepted, Intake
from stats_gateway.limits import Limits
from stats_gateway.store.contents import content_of
from stats_gateway.store.parts import Content
from stats_gateway.store.peer import Peer
from stats_gateway.store.sources import Source
from stats_gateway.store.store import Store
from stats_gateway.wire.decoding import MessageDecoder, RetiredEvent
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.messages import Hello
from stats_gateway.wire.services import Service
from tests.support.snapshots import NOW, PAYLOADS, Fields

_DECODERS = {encoding: MessageDecoder(encoding) for encoding in Encoding}


def at(seconds: float) -> Now:
    """`seconds` after these tests begin, on both of this machine's clocks."""
    return Now(monotonic=1000.0 + seconds, unix=NOW + seconds)


def content(
    message: Fields | bytes,
    previous: Content | None = None,
    now: Now | None = None,
    dropped: Dropped | None = None,
    encoding: Encoding = Encoding.FRAMES,
) -> Content:
    """What `message` is worth. Raises `MessageRefused`."""
    payload = message if isinstance(message, bytes) else PAYLOADS[encoding](message)
    decoder = _DECODERS[encoding]
    update = decoder.decode(payload)
    assert not isinstance(update, Hello | RetiredEvent)
    counted = Dropped() if dropped is None else dropped
    return content_of(update, decoder, previous, now or at(0), counted)


def peer(number: int, network: str = "192.0.2.1") -> Peer:
    """A connection of an address that is its own network."""
    return Peer(number=number, address=network, network=network)


class Senders:
    """Numbered connections to one intake."""

    def __init__(
        self,
        service: Service = Service.PROXY,
        limits: Limits | None = None,
        aliases: Mapping[str, str] | None = None,
        *,
        redact_ip: bool = False,
    ) -> None:
        limits = limits or Limits()
        self.intake = Intake(Store(service, limits), limits, aliases=aliases, redact_ip=redact_ip)
        self.store = self.intake.store
        self.peers: dict[int, Peer] = {}

    @property
    def dropped(self) -> Dropped:
        """The values that were left out of accepted messages."""
        return self.intake.counters.values_dropped

    def connect(self, number: int, address: str = "192.0.2.1") -> None:
        """A connection without Hello, so far."""
        self.peers[number] = self.intake.connect(number, address)

    def hello(
        self, number: int, source: str, interval: float | None = None, address: str = "192.0.2.1"
    ) -> int | None:
        """A connection that names itself; gives the one that has to close for it."""
        self.connect(number, address)
        hello: Fields = {"Hello": {"source": source, "interval": interval}}
        superseded = self.send(number, hello).superseded
        return None if superseded is None else superseded.number

    def send(
        self,
        number: int,
        message: Fields | bytes,
        seconds: float = 0.0,
        encoding: Encoding = Encoding.FRAMES,
    ) -> Accepted:
        """`message` arrives over connection `number`. Raises `MessageRefused`."""
        payload = message if isinstance(message, bytes) else PAYLOADS[encoding](message)
        peer, now = self.peers[number], at(seconds)
        return self.intake.accept(self.intake.read(payload, encoding, peer, now), peer, now)

    def close(self, number: int, seconds: float = 0.0) -> None:
        """Connection `number` ends."""
        self.intake.disconnect(self.peers[number], at(seconds))

    def pass_time(self, seconds: float) -> None:
        """It is `seconds` after the beginning now."""
        self.store.expire(at(seconds))

    def source(self, name: str) -> Source:
        """One source as it is shown."""
        return self.store.view.sources[name]

    def shown(self) -> dict[str, list[int]]:
        """The ids of the rows that each fresh source shows."""
        return {
            source.name: list(source.rows.downstream_id)
            for source in self.store.view.fresh()
            if source.rows is not None
        }
