"""From one message's bytes to one typed message.

Which message it is, is told by its keys and never by trying one type after another: `_Head` names
every key that decides. A message of today's form is decoded with it, and its rows later, in
batches. The other forms (tagged by a `type` field, or the untagged lines of the Rust services) are
decoded once their type is known.
"""

from enum import StrEnum
from typing import get_args

from msgspec import UNSET, Raw, Struct, UnsetType, field

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.wire.batches import RowDecoder, TypedDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.hashpool import (
    JdsSnapshot,
    PoolStatus,
    ServiceSnapshot,
    TranslatorStatus,
)
from stats_gateway.wire.messages import (
    BalanceUpdate,
    ConnectionInfo,
    ConnectionSnapshot,
    Hello,
    MinerInfo,
    MinerSnapshot,
    QuoteCreated,
)


class RetiredEvent(StrEnum):
    """The events of the time before snapshots: accepted, counted, and otherwise ignored."""

    SHARE_SUBMITTED = "ShareSubmitted"
    DOWNSTREAM_CONNECTED = "DownstreamConnected"
    DOWNSTREAM_DISCONNECTED = "DownstreamDisconnected"
    HASHRATE_UPDATE = "HashrateUpdate"
    CHANNEL_OPENED = "ChannelOpened"
    CHANNEL_CLOSED = "ChannelClosed"
    POOL_INFO = "PoolInfo"


Tagged = Hello | MinerSnapshot | ConnectionSnapshot | BalanceUpdate | QuoteCreated
Untagged = TranslatorStatus | PoolStatus | ServiceSnapshot | JdsSnapshot
Message = Tagged | Untagged | RetiredEvent

_TAGGED: tuple[type[Tagged], ...] = get_args(Tagged)
_UNTAGGED: tuple[type[Untagged], ...] = get_args(Untagged)
_RETIRED = {event.value: event for event in RetiredEvent}

MESSAGE_TYPES: tuple[str, ...] = (
    *(message.__name__ for message in (*_TAGGED, *_UNTAGGED)),
    *RetiredEvent,
)
"""Every value of the `type` label of `stats_gateway_messages_total`."""


def message_type(message: Message) -> str:
    """The message's name: one of `MESSAGE_TYPES`."""
    return message.value if isinstance(message, RetiredEvent) else type(message).__name__


class _Head(Struct, frozen=True, gc=False):
    """Every key that tells which message it is."""

    hello: Hello | UnsetType = field(name="Hello", default=UNSET)
    miner_snapshot: MinerSnapshot | UnsetType = field(name="MinerSnapshot", default=UNSET)
    connection_snapshot: ConnectionSnapshot | UnsetType = field(
        name="ConnectionSnapshot", default=UNSET
    )
    balance_update: BalanceUpdate | UnsetType = field(name="BalanceUpdate", default=UNSET)
    quote_created: QuoteCreated | UnsetType = field(name="QuoteCreated", default=UNSET)
    tag: str | UnsetType = field(name="type", default=UNSET)
    downstream_miners: Raw | UnsetType = UNSET
    downstream_proxies: Raw | UnsetType = UNSET
    downstreams: Raw | UnsetType = UNSET
    service_type: Raw | UnsetType = UNSET
    listen_address: Raw | UnsetType = UNSET
    timestamp: Raw | UnsetType = UNSET

    def whole(self) -> list[Tagged]:
        """The messages that stand whole under their own names: one, in a good message."""
        named = (
            self.hello,
            self.miner_snapshot,
            self.connection_snapshot,
            self.balance_update,
            self.quote_created,
        )
        return [message for message in named if not isinstance(message, UnsetType)]

    def untagged(self) -> type[Untagged] | None:
        """Which line of the Rust services it is, by its keys."""
        if self.downstream_miners is not UNSET:
            return TranslatorStatus
        if self.downstream_proxies is not UNSET:
            return PoolStatus
        if self.downstreams is not UNSET and self.service_type is not UNSET:
            return ServiceSnapshot
        if self.listen_address is not UNSET and self.timestamp is not UNSET:
            return JdsSnapshot
        return None


class MessageDecoder:
    """Decodes the messages of one encoding."""

    def __init__(self, encoding: Encoding) -> None:
        self.miners = RowDecoder(encoding, MinerInfo)
        self.connections = RowDecoder(encoding, ConnectionInfo)
        self._head = TypedDecoder(encoding, _Head)
        self._by_name = {type_.__name__: TypedDecoder(encoding, type_) for type_ in _TAGGED}
        self._untagged = {type_: TypedDecoder(encoding, type_) for type_ in _UNTAGGED}
        self._fields = TypedDecoder(encoding, dict[str, Raw])

    def decode(self, payload: bytes | bytearray) -> Message:
        """The message that `payload` is. Raises `MessageRefused`."""
        head = self._head.decode(payload)
        whole = head.whole()
        if len(whole) == 1:
            return whole[0]
        if whole:
            raise MessageRefused(Reason.MALFORMED, "more than one message in one map")
        if not isinstance(head.tag, UnsetType):
            return self._decode_named(head.tag, payload)
        untagged = head.untagged()
        if untagged is None:
            return self._decode_retired(payload)
        return self._untagged[untagged].decode(payload)

    def _decode_retired(self, payload: bytes | bytearray) -> RetiredEvent:
        for name in self._fields.decode(payload):
            if name in _RETIRED:
                return _RETIRED[name]
        raise MessageRefused(Reason.UNKNOWN_MESSAGE, "no key of any known message")

    def _decode_named(self, name: str, payload: bytes | bytearray) -> Message:
        if name in _RETIRED:
            return _RETIRED[name]
        if name not in self._by_name:
            raise MessageRefused(Reason.UNKNOWN_MESSAGE, f"type {name[:64]!r}")
        return self._by_name[name].decode(payload)
