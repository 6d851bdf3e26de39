"""A store, and connections that speak to it: everything of the service but its sockets."""

from collections.abc import Mapping

from stats_gateway.clock import Now
from stats_gateway.errors import Dropped
from stats_gateway.limits import Limits
from stats_gateway.store.contents import content_of, part_kind
from stats_gateway.store.sources import Content, Source
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


class Senders:
    """Numbered connections to one store."""

    def __init__(
        self,
        service: Service = Service.PROXY,
        limits: Limits | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.store = Store(service, limits or Limits(), aliases or {})
        self.closed_for_rivals: list[int] = []
        self.dropped = Dropped()

    def connect(self, number: int, address: str = "192.0.2.1") -> None:
        """A connection without Hello, so far."""
        self.store.connect(number, address)

    def hello(
        self, number: int, source: str, interval: float | None = None, address: str = "192.0.2.1"
    ) -> int | None:
        """A connection that names itself; gives the one that has to close for it."""
        self.store.connect(number, address)
        return self.store.hello(number, source, interval)

    def send(
        self,
        number: int,
        message: Fields | bytes,
        seconds: float = 0.0,
        encoding: Encoding = Encoding.FRAMES,
    ) -> None:
        """`message` arrives over connection `number`. Raises `MessageRefused`."""
        payload = message if isinstance(message, bytes) else PAYLOADS[encoding](message)
        decoder = _DECODERS[encoding]
        update = decoder.decode(payload)
        assert not isinstance(update, Hello | RetiredEvent)
        kind = part_kind(update, self.store.service)
        previous = self.store.previous(number, kind)
        worth = content_of(update, decoder, previous, at(seconds), self.dropped)
        self.store.apply(number, kind, worth, update.timestamp, at(seconds))

    def close(self, number: int, seconds: float = 0.0) -> None:
        """Connection `number` ends."""
        self.store.disconnect(number, at(seconds))

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
