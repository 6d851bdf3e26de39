"""What is refused, why, and that nothing else ever comes of bad bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.limits import (
    MAX_CHANNELS,
    MAX_REJECT_REASONS,
    MAX_SERVICES,
    MAX_SNAPSHOT_CHANNELS,
)
from stats_gateway.store.parts import ConnectionsPart, JobDeclaratorPart
from stats_gateway.wire.decoding import MESSAGE_TYPES, MessageDecoder, message_type
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from tests.support.senders import content
from tests.support.snapshots import (
    NOW,
    PAYLOADS,
    Fields,
    connection,
    connection_snapshot,
    hello,
    miner,
    miner_snapshot,
    packed,
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
    window,
)
from tests.support.strategies import GOOD, damaged

DECODERS = {encoding: MessageDecoder(encoding) for encoding in Encoding}
ALL_KINDS = [*GOOD[Service.PROXY], *GOOD[Service.POOL], hello("a", interval=10.0)]


def reason_of(payload: bytes, encoding: Encoding = Encoding.JSON_LINES) -> Reason:
    with pytest.raises(MessageRefused) as refused:
        DECODERS[encoding].decode(payload)
    return refused.value.reason


def refused(message: Fields) -> Reason:
    """Why `message` is not believed, which is the same in both encodings."""
    reasons = set()
    for encoding in Encoding:
        with pytest.raises(MessageRefused) as refusal:
            content(message, encoding=encoding)
        reasons.add(refusal.value.reason)
    (reason,) = reasons
    return reason


REQUIRED: list[tuple[Fields, str]] = [
    (miner_snapshot(miner()), "miners"),
    (miner_snapshot(miner()), "timestamp"),
    (connection_snapshot(connection()), "connections"),
    ({"BalanceUpdate": {"balance": 1, "timestamp": 1}}, "balance"),
    ({"QuoteCreated": {"downstream_id": 1, "amount": 1, "timestamp": 1}}, "amount"),
]


@pytest.mark.parametrize(("message", "field"), REQUIRED)
def test_a_message_without_a_required_field_is_refused(message: Fields, field: str) -> None:
    ((name, fields),) = message.items()
    assert isinstance(fields, dict)
    rest = {key: value for key, value in fields.items() if key != field}
    assert refused({name: rest}) is Reason.MALFORMED


@pytest.mark.parametrize("field", ["downstream_id", "name"])
def test_a_row_without_a_required_field_refuses_its_snapshot(field: str) -> None:
    row = miner()
    del row[field]
    assert refused(miner_snapshot(miner(2), row)) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("downstream_id", "1"),
        ("downstream_id", -1),
        ("downstream_id", 2**32),
        ("downstream_id", 1.5),
        ("name", 5),
        ("name", None),
        ("address", 5),
        ("hashrate", "1"),
        ("hashrate", True),
        ("shares_submitted", -1),
        ("shares_rejected_by", 3),
        ("shares_rejected_by", {"stale": -1}),
        ("shares_rejected_by", {"stale": None}),
        ("shares_rejected_by", {str(number): 1 for number in range(MAX_REJECT_REASONS + 1)}),
        ("difficulty", "1"),
        ("agent", 5),
        ("device", {"power": "1"}),
        ("shares_rejected", "0"),
        ("connected_at", 2**63),
        ("last_share_at", "now"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_refuses_its_snapshot(field: str, value: object) -> None:
    assert refused(miner_snapshot(miner(2), miner(1, **{field: value}))) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (miner_snapshot(timestamp=2**64), "timestamp"),
        (miner_snapshot(miner(shares_submitted=2**64)), "shares"),
        (miner_snapshot(miner(shares_rejected=2**64)), "rejected"),
        (miner_snapshot(miner(shares_rejected_by={"stale": 2**64})), "by reason"),
        (miner_snapshot(miner(shares_rejected_by={"a": 2**63, "b": 2**63})), "other"),
        (miner_snapshot(miner(1), miner(2, shares_rejected_by={"stale": 2**64})), "of one row"),
        (miner_snapshot(wallet={"balance": 2**64}), "balance"),
        (miner_snapshot(wallet={"balance": 0, "quotes_amount": 2**64}), "amount"),
        (connection_snapshot(connection(ehash_mined=2**64)), "mined"),
        (connection_snapshot(connection(quotes_created=2**64)), "quotes"),
        (service_snapshot(window(shares_lifetime=2**64)), "lifetime"),
        ({"BalanceUpdate": {"balance": 2**64, "timestamp": 1}}, "balance"),
        ({"QuoteCreated": {"downstream_id": 1, "amount": 2**64, "timestamp": 1}}, "amount"),
    ],
)
def test_integers_of_more_than_64_bits_are_refused_in_json_too(message: Fields, field: str) -> None:
    with pytest.raises(MessageRefused) as refusal:
        content(message, encoding=Encoding.JSON_LINES)
    assert refusal.value.reason is Reason.MALFORMED, field


@pytest.mark.parametrize(
    "message",
    [
        miner_snapshot(miner(7), miner(8), miner(7)),
        connection_snapshot(connection(7), connection(7)),
        translator_status(status_miner(7), status_miner(7)),
        pool_status(status_proxy(7), status_proxy(7)),
        service_snapshot(window(7), window(7)),
    ],
)
def test_two_rows_with_one_id_are_refused(message: Fields) -> None:
    assert refused(message) is Reason.DUPLICATE_DOWNSTREAM


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"5", b"null", b'"MinerSnapshot"', b"{", b'{"a":1}x', b"[" * 100_000],
)
def test_what_is_no_json_object_is_malformed(payload: bytes) -> None:
    assert reason_of(payload) is Reason.MALFORMED


@pytest.mark.parametrize(
    "payload",
    [b"", packed([]), packed(5), packed({}) + b"x", b"\xc1", b"\x91" * 100_000, b"\x81" * 5],
)
def test_what_is_no_messagepack_map_is_malformed(payload: bytes) -> None:
    assert reason_of(payload, Encoding.FRAMES) is Reason.MALFORMED


@pytest.mark.parametrize(
    "value", [b"\x81\x90\x01", b"\xd6\xff\x00\x00\x00\x00", b"\xd4\x05\x00", b"\x81\xc0\x01"]
)
def test_invalid_text_beside_values_no_message_has_is_refused(value: bytes) -> None:
    payload = b"\x82\xa4type\xa1\xff\xa1x" + value
    assert reason_of(payload, Encoding.FRAMES) in {Reason.MALFORMED, Reason.UNKNOWN_MESSAGE}


@pytest.mark.parametrize("message", [{}, {"MinerSnapshots": {}}, {"type": "Unheard"}, {"a": 1}])
def test_a_message_of_no_known_name_is_unknown(message: Fields) -> None:
    for encoding in Encoding:
        assert reason_of(PAYLOADS[encoding](message), encoding) is Reason.UNKNOWN_MESSAGE


def test_two_messages_in_one_map_are_malformed() -> None:
    assert refused(miner_snapshot() | connection_snapshot()) is Reason.MALFORMED


def test_more_rows_than_the_schema_allows_are_too_many() -> None:
    million = b"\xdd" + (1_000_001).to_bytes(4, "big") + b"\x80" * 1_000_001
    payload = b"\x81\xadMinerSnapshot\x82\xa6miners" + million + b"\xa9timestamp\x01"
    with pytest.raises(MessageRefused) as refusal:
        content(payload)
    assert refusal.value.reason is Reason.TOO_MANY_ROWS


def test_more_services_or_channels_than_the_schema_allows_are_too_many() -> None:
    services = [{"service_type": "Pool", "address": "a"}] * (MAX_SERVICES + 1)
    channels = connection(channels=[1] * (MAX_CHANNELS + 1))
    for message in (pool_status(services=services), connection_snapshot(channels)):
        assert refused(message) is Reason.TOO_MANY_ROWS


def test_channels_of_one_snapshot_together_have_a_bound() -> None:
    count = MAX_SNAPSHOT_CHANNELS // MAX_CHANNELS
    rows = [connection(id_, channels=[1] * MAX_CHANNELS) for id_ in range(count + 1)]
    assert isinstance(content(connection_snapshot(*rows[:-1])), ConnectionsPart)
    assert refused(connection_snapshot(*rows)) is Reason.TOO_MANY_ROWS


def test_a_line_that_lost_its_rows_is_no_job_declarator() -> None:
    status = pool_status()
    del status["downstream_proxies"]
    assert refused(status) is Reason.MALFORMED
    declarator: Fields = {"listen_address": "127.0.0.1:34264", "timestamp": NOW}
    assert isinstance(content(declarator), JobDeclaratorPart)


def test_a_window_of_another_kind_of_service_is_refused() -> None:
    assert refused(service_snapshot(service_type="Mint")) is Reason.MALFORMED


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        *("Hello", "MinerSnapshot", "ConnectionSnapshot", "BalanceUpdate", "QuoteCreated", "type"),
        *("downstream_miners", "downstream_proxies", "downstreams", "service_type", "timestamp"),
        *("listen_address", "services", "miners", "connections", "source", "balance"),
    ]
)
fields = st.dictionaries(keys, json_values, max_size=5)
messages = fields | st.dictionaries(keys, fields, max_size=2)


def assert_message_or_refusal(payload: bytes, encoding: Encoding) -> None:
    with contextlib.suppress(MessageRefused, ConnectionRefused):
        assert message_type(DECODERS[encoding].decode(payload)) in MESSAGE_TYPES


@given(st.binary(max_size=200), st.sampled_from(Encoding))
def test_any_bytes_are_a_message_or_refused(payload: bytes, encoding: Encoding) -> None:
    assert_message_or_refusal(payload, encoding)


@given(messages, st.sampled_from(Encoding))
def test_anything_of_a_known_shape_is_a_message_or_refused(
    message: Fields, encoding: Encoding
) -> None:
    assert_message_or_refusal(PAYLOADS[encoding](message), encoding)


def to_vec(value: object) -> object:
    """`value` as `rmp_serde::to_vec` writes it in Rust: without the names of fields."""
    if isinstance(value, dict):
        return [to_vec(one) for one in value.values()]
    return [to_vec(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "message",
    [
        {"MinerSnapshot": to_vec([[miner()], NOW, None, None])},
        miner_snapshot() | {"MinerSnapshot": {"miners": to_vec([miner()]), "timestamp": NOW}},
        to_vec(miner_snapshot(miner())),
    ],
)
def test_a_refusal_of_structs_without_names_names_the_cure(message: object) -> None:
    with pytest.raises(MessageRefused, match="use rmp_serde::to_vec_named") as refused:
        content(PAYLOADS[Encoding.FRAMES](message))
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize(
    "message",
    [
        {"Hello": ["src", 5.0, None, None]},
        {"Hello": {"interval": 5.0}},
        {"Hello": {"source": 5}},
        {"type": "Hello"},
        {"Hello": None},
    ],
)
def test_a_hello_that_does_not_decode_refuses_the_connection(
    message: Fields, encoding: Encoding
) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        DECODERS[encoding].decode(PAYLOADS[encoding](message))
    assert refused.value.reason is ConnectionReason.BAD_HELLO


@given(st.data(), st.sampled_from(Encoding), st.sampled_from(ALL_KINDS))
def test_a_damaged_message_is_a_message_or_refused(
    data: st.DataObject, encoding: Encoding, message: Fields
) -> None:
    assert_message_or_refusal(data.draw(damaged(message, encoding)), encoding)
