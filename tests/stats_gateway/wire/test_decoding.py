import math
import struct

import msgpack
import pytest

from stats_gateway.sender.wire import Hello as SentHello
from stats_gateway.sender.wire import encode_hello, encode_snapshot
from stats_gateway.store.parts import MinersPart
from stats_gateway.wire.decoding import MESSAGE_TYPES, MessageDecoder, RetiredEvent, message_type
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.hashpool import JdsSnapshot, PoolStatus, ServiceSnapshot, TranslatorStatus
from stats_gateway.wire.messages import BalanceUpdate, Hello, MinerSnapshot, QuoteCreated
from tests.support.senders import content
from tests.support.snapshots import (
    NOW,
    PAYLOADS,
    Fields,
    connection,
    connection_snapshot,
    hello,
    internally_tagged,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
    window,
)

DECODERS = {encoding: MessageDecoder(encoding) for encoding in Encoding}

TAGGED: list[Fields] = [
    hello("translator-1", interval=10.0, token="secret", version="1.2"),
    hello("translator-1"),
    miner_snapshot(miner(1), miner(2, address=None)),
    miner_snapshot(
        miner(shares_rejected=1, work=2.5, last_share_at=NOW),
        wallet={"balance": 5, "quotes_created": 1, "quotes_amount": 3},
        upstream={"address": "pool:34254", "connected": True, "network": "testnet4"},
    ),
    connection_snapshot(),
    connection_snapshot(
        connection(name="n", address="a", shares_rejected=0, work=1.0, work_selection=True),
        listen_address="0.0.0.0:34254",
    ),
    {"BalanceUpdate": {"balance": 2**64 - 1, "timestamp": NOW}},
    {"QuoteCreated": {"downstream_id": 2**32 - 1, "amount": 7, "timestamp": NOW}},
]
UNTAGGED: list[Fields] = [
    translator_status(status_miner()),
    pool_status(status_proxy()),
    service_snapshot(window()),
    {"listen_address": "127.0.0.1:34264", "timestamp": NOW},
]

# Word for word what hashpool's released services write.
TRANSLATOR_LINE = (
    b'{"ehash_balance":500000,"upstream_pool":{"address":"127.0.0.1:34254"},"downstream_miners":'
    b'[{"name":"miner_1","id":1,"address":"192.168.1.100:4444","hashrate":150000000000.0,'
    b'"shares_submitted":42,"connected_at":1730488000}],"blockchain_network":"testnet4",'
    b'"timestamp":1730488920}'
)
POOL_LINE = (
    b'{"services":[{"service_type":"Pool","address":"0.0.0.0:34254"},{"service_type":"Mint",'
    b'"address":"127.0.0.1:34260"}],"downstream_proxies":[{"id":1,"address":"127.0.0.1:33866",'
    b'"channels":[],"shares_submitted":260,"quotes_created":130,"ehash_mined":492544,'
    b'"last_share_at":1730488875,"work_selection":false}],"listen_address":"0.0.0.0:34254",'
    b'"timestamp":1730488875}'
)
JDS_LINE = b'{"listen_address":"127.0.0.1:34264","timestamp":1730488875}'
WINDOW_LINE = (
    b'{"service_type":"Translator","downstreams":[{"downstream_id":1,"name":"miner_1",'
    b'"address":"192.168.1.100:4444","shares_lifetime":100,"shares_in_window":5,'
    b'"sum_difficulty_in_window":100.5,"window_seconds":60,"timestamp":1730488920}],'
    b'"timestamp":1730488920}'
)


def decoded(message: object, encoding: Encoding) -> object:
    return DECODERS[encoding].decode(PAYLOADS[encoding](message))


@pytest.mark.parametrize("message", [*TAGGED, *UNTAGGED])
def test_a_message_is_worth_the_same_in_both_encodings(message: Fields) -> None:
    if "Hello" in message:
        frames, lines = (decoded(message, encoding) for encoding in Encoding)
    else:
        frames, lines = (content(message, encoding=encoding) for encoding in Encoding)
    assert frames == lines


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("message", TAGGED)
def test_a_message_is_the_same_with_its_name_outside_or_in_a_type_field(
    message: Fields, encoding: Encoding
) -> None:
    ((name, _),) = message.items()
    outside, inside = decoded(message, encoding), decoded(internally_tagged(message), encoding)
    assert type(outside).__name__ == type(inside).__name__ == name
    if name == "Hello":
        assert outside == inside
    else:
        worth = content(message, encoding=encoding)
        assert worth == content(internally_tagged(message), encoding=encoding)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("message", [*TAGGED, *UNTAGGED])
def test_every_message_has_a_name_to_be_counted_by(message: Fields, encoding: Encoding) -> None:
    assert message_type(DECODERS[encoding].decode(PAYLOADS[encoding](message))) in MESSAGE_TYPES


@pytest.mark.parametrize("encoding", Encoding)
def test_an_optional_field_may_be_null_or_absent(encoding: Encoding) -> None:
    nulls = dict.fromkeys(("shares_rejected", "work", "last_share_at"))
    full = miner_snapshot(miner(1, **nulls), wallet=None, upstream=None)
    assert content(full, encoding=encoding) == content(miner_snapshot(miner(1)), encoding=encoding)
    assert decoded(hello("a", interval=None, token=None), encoding) == Hello(source="a")


@pytest.mark.parametrize("encoding", Encoding)
def test_a_row_may_be_nothing_but_an_id_and_a_name(encoding: Encoding) -> None:
    for message in (
        miner_snapshot(*({"downstream_id": id_, "name": ""} for id_ in range(99))),
        translator_status(*({"id": id_, "name": ""} for id_ in range(99))),
    ):
        part = content(message, encoding=encoding)
        assert isinstance(part, MinersPart)
        assert list(part.rows.downstream_id) == list(range(99))


@pytest.mark.parametrize("encoding", Encoding)
def test_unknown_fields_are_ignored(encoding: Encoding) -> None:
    more: Fields = {"new": {"deep": [1, None, "x"]}, "also": 1.5}
    message = miner_snapshot(miner(1, **more), **more) | more
    assert content(message, encoding=encoding) == content(miner_snapshot(miner(1)))


@pytest.mark.parametrize("encoding", Encoding)
def test_the_largest_64_bit_counts_are_exact(encoding: Encoding) -> None:
    part = content(miner_snapshot(miner(shares_submitted=2**64 - 1)), encoding=encoding)
    assert isinstance(part, MinersPart)
    assert list(part.rows.shares_submitted) == [2**64 - 1]


@pytest.mark.parametrize("event", RetiredEvent)
def test_a_retired_event_is_accepted_and_nothing_more(event: RetiredEvent) -> None:
    message: Fields = {event.value: {"downstream_id": 42, "timestamp": 1234567890}}
    for encoding in Encoding:
        assert decoded(message, encoding) is event
        assert decoded(internally_tagged(message), encoding) is event


def test_the_rust_services_lines_are_told_apart_by_their_keys() -> None:
    decoder = DECODERS[Encoding.JSON_LINES]
    expected = {
        TRANSLATOR_LINE: TranslatorStatus,
        POOL_LINE: PoolStatus,
        JDS_LINE: JdsSnapshot,
        WINDOW_LINE: ServiceSnapshot,
    }
    for line, type_ in expected.items():
        assert type(decoder.decode(line)) is type_


def test_what_our_own_sender_writes_is_what_we_read() -> None:
    sent = encode_snapshot(
        {
            "miners": [
                {
                    "downstream_id": 7,
                    "name": "farm1.s21-007",
                    "address": None,
                    "hashrate": 2e14,
                    "shares_submitted": 3,
                    "shares_rejected": 0,
                    "work": 1.5,
                    "connected_at": NOW,
                    "last_share_at": None,
                }
            ],
            "timestamp": NOW,
        }
    )
    row = miner(7, name="farm1.s21-007", address=None, hashrate=2e14, shares_submitted=3)
    row |= {"shares_rejected": 0, "work": 1.5, "connected_at": NOW}
    assert content(sent[4:]) == content(miner_snapshot(row))
    greeting = encode_hello(SentHello(source="t", interval=10.0, token="x", version="1"))[4:]
    assert DECODERS[Encoding.FRAMES].decode(greeting) == Hello(
        source="t", interval=10.0, token="x", version="1"
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_hashrate_that_is_no_number_does_not_cost_the_snapshot(number: float) -> None:
    message = miner_snapshot(miner(1, hashrate=number), miner(2))
    for encoding in Encoding:
        part = content(message, encoding=encoding)
        assert isinstance(part, MinersPart)
        assert list(part.rows.hashrate) == [None, 1.5e14]


def test_an_integer_is_a_hashrate_too_and_so_is_a_single_precision_one() -> None:
    assert content(miner_snapshot(miner(hashrate=2))) == content(
        miner_snapshot(miner(hashrate=2.0))
    )
    single = msgpack.packb(miner_snapshot(miner(hashrate=0.5)), use_single_float=True)
    assert struct.pack(">f", 0.5) in single
    assert content(single) == content(miner_snapshot(miner(hashrate=0.5)))


@pytest.mark.parametrize("name", ['"quo\\ted"', "矿机 🚀", "", "a" * 1000])
def test_any_name_is_a_name(name: str) -> None:
    for encoding in Encoding:
        part = content(miner_snapshot(miner(name=name)), encoding=encoding)
        assert isinstance(part, MinersPart)
        assert list(part.rows.name) == [name[:128]]


@pytest.mark.parametrize("name", ["lone \ud800", "\udfff"])
def test_a_lone_surrogate_in_a_name_does_not_cost_the_snapshot(name: str) -> None:
    for encoding in Encoding:
        part = content(miner_snapshot(miner(name=name)), encoding=encoding)
        assert isinstance(part, MinersPart)
        assert "\ufffd" in part.rows.name[0]


def test_wallet_events_carry_what_they_say() -> None:
    balance = decoded({"BalanceUpdate": {"balance": 5, "timestamp": NOW}}, Encoding.FRAMES)
    assert balance == BalanceUpdate(balance=5, timestamp=NOW)
    quote = {"QuoteCreated": {"downstream_id": 3, "amount": 7, "timestamp": NOW}}
    assert decoded(quote, Encoding.FRAMES) == QuoteCreated(downstream_id=3, amount=7, timestamp=NOW)
    assert isinstance(decoded(miner_snapshot(), Encoding.FRAMES), MinerSnapshot)
