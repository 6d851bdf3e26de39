"""Decodes the bytes of one message to a typed message.

The keys of a message tell its type; no type is ever tried after another. `_Head` names every key
that decides. A message such as `{"MinerSnapshot": {...}}` is decoded together with its head. The
other forms (tagged by a `type` field, or the untagged lines of the Rust services) are decoded once
their type is known. The rows of a message are left as they are, and decoded later, in batches.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import get_args

from msgspec import UNSET, Raw, Struct, UnsetType, field

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.limits import MAX_ROWS
from stats_gateway.wire.batches import Bytes, RowDecoder, TypedDecoder
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.hashpool import (
    MAX_JDS_BYTES,
    MAX_QUOTED,
    DownstreamMiner,
    DownstreamProxy,
    JdsSnapshot,
    PoolStatus,
    ServiceSnapshot,
    TranslatorStatus,
    WindowRow,
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
    """The events of senders from before snapshots: accepted, counted, and otherwise ignored."""

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
    """Every key that tells the type of a message; all other keys cost nothing."""

    hello: Raw | UnsetType = field(name="Hello", default=UNSET)
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
    share_submitted: Raw | UnsetType = field(name="ShareSubmitted", default=UNSET)
    downstream_connected: Raw | UnsetType = field(name="DownstreamConnected", default=UNSET)
    downstream_disconnected: Raw | UnsetType = field(name="DownstreamDisconnected", default=UNSET)
    hashrate_update: Raw | UnsetType = field(name="HashrateUpdate", default=UNSET)
    channel_opened: Raw | UnsetType = field(name="ChannelOpened", default=UNSET)
    channel_closed: Raw | UnsetType = field(name="ChannelClosed", default=UNSET)
    pool_info: Raw | UnsetType = field(name="PoolInfo", default=UNSET)

    def whole(self) -> list[Tagged | Raw]:
        """The messages that stand under their own names; a good message holds one of them.

        A `Hello` is not decoded yet.
        """
        named = (
            self.hello,
            self.miner_snapshot,
            self.connection_snapshot,
            self.balance_update,
            self.quote_created,
        )
        return [message for message in named if not isinstance(message, UnsetType)]

    def untagged(self) -> type[Untagged] | None:
        """The type of the line of the Rust services that has these keys."""
        if self.downstream_miners is not UNSET:
            return TranslatorStatus
        if self.downstream_proxies is not UNSET:
            return PoolStatus
        if self.downstreams is not UNSET and self.service_type is not UNSET:
            return ServiceSnapshot
        if self.listen_address is not UNSET and self.timestamp is not UNSET:
            return JdsSnapshot
        return None

    def retired(self) -> RetiredEvent | None:
        """The retired event that stands under its own name."""
        for event in RetiredEvent:
            if getattr(self, event.name.lower()) is not UNSET:
                return event
        return None


class MessageDecoder:
    """Decodes the messages of one encoding, and the rows of each in batches."""

    def __init__(self, encoding: Encoding, max_rows: int = MAX_ROWS) -> None:
        self._head = TypedDecoder(encoding, _Head)
        self._hello = TypedDecoder(encoding, Hello)
        self._by_name = {type_.__name__: TypedDecoder(encoding, type_) for type_ in _TAGGED}
        self._untagged = {type_: TypedDecoder(encoding, type_) for type_ in _UNTAGGED}
        self._miners = RowDecoder(encoding, MinerInfo, max_rows)
        self._connections = RowDecoder(encoding, ConnectionInfo, max_rows)
        self._downstream_miners = RowDecoder(encoding, DownstreamMiner, max_rows)
        self._downstream_proxies = RowDecoder(encoding, DownstreamProxy, max_rows)
        self._windows = RowDecoder(encoding, WindowRow, max_rows)

    def decode(self, payload: bytes | bytearray) -> Message:
        """The message that `payload` encodes.

        Raises `MessageRefused`, and `ConnectionRefused` for a `Hello` that does not decode.
        """
        head = self._head.decode(payload)
        whole = head.whole()
        if len(whole) == 1:
            (message,) = whole
            return self._decode_hello(message) if isinstance(message, Raw) else message
        if whole:
            raise MessageRefused(Reason.MALFORMED, "more than one message in one map")
        if not isinstance(head.tag, UnsetType):
            return self._decode_named(head.tag, payload)
        untagged = head.untagged()
        if untagged is JdsSnapshot and len(payload) > MAX_JDS_BYTES:
            raise MessageRefused(Reason.MALFORMED, "too long for a JdsSnapshot")
        if untagged is not None:
            return self._untagged[untagged].decode(payload)
        retired = head.retired()
        if retired is None:
            raise MessageRefused(Reason.UNKNOWN_MESSAGE, "no key of any known message")
        return retired

    def _decode_hello(self, payload: Bytes) -> Hello:
        """The `Hello`, whose sender waits for an answer also where it is wrong."""
        try:
            return self._hello.decode(payload)
        except MessageRefused as refusal:
            raise ConnectionRefused(ConnectionReason.BAD_HELLO, refusal.detail) from refusal

    def _decode_named(self, name: str, payload: bytes | bytearray) -> Message:
        if name == Hello.__name__:
            return self._decode_hello(payload)
        if name in _RETIRED:
            return _RETIRED[name]
        if name not in self._by_name:
            raise MessageRefused(Reason.UNKNOWN_MESSAGE, f"type {name[:MAX_QUOTED]!r}")
        return self._by_name[name].decode(payload)

    # The rows of each message. All of these raise `MessageRefused` at the first bad row.

    def miners(self, message: MinerSnapshot | TranslatorStatus) -> Iterator[Sequence[MinerInfo]]:
        """The miners, a batch at a time."""
        if isinstance(message, MinerSnapshot):
            return self._miners.batches(message.miners)
        return self._downstream_miners.batches(message.downstream_miners)

    def connections(
        self, message: ConnectionSnapshot | PoolStatus
    ) -> Iterator[Sequence[ConnectionInfo]]:
        """The connections, a batch at a time."""
        if isinstance(message, ConnectionSnapshot):
            return self._connections.batches(message.connections)
        return self._downstream_proxies.batches(message.downstream_proxies)

    def windows(self, message: ServiceSnapshot) -> Iterator[Sequence[WindowRow]]:
        """The windows, a batch at a time."""
        return self._windows.batches(message.downstreams)
