import pytest

from stats_gateway.errors import ConnectionReason, ConnectionRefused, MessageRefused, Reason
from stats_gateway.intake.access import TokenAccess, token_rule
from stats_gateway.intake.intake import HELLO_BYTES, Intake
from stats_gateway.limits import Limits
from stats_gateway.store.peer import Peer
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from tests.support.senders import at
from tests.support.snapshots import NOW, PAYLOADS, Fields, miner, miner_snapshot

ADDRESS = "192.0.2.1"
HELLO: Fields = {"Hello": {"source": "a", "token": "secret"}}
RETIRED: Fields = {"ShareSubmitted": {}}


def intake(*, tokens: bool = False, redact_ip: bool = False, **limits: int) -> Intake:
    bounds = Limits(**limits)
    access = TokenAccess(lambda: (token_rule("secret", ()),)) if tokens else None
    return Intake(Store(Service.PROXY, bounds), bounds, access=access, redact_ip=redact_ip)


def send(one: Intake, peer: Peer, message: Fields, seconds: float = 0.0) -> None:
    encoding = Encoding.JSON_LINES
    reading = one.read(PAYLOADS[encoding](message), encoding, peer, at(seconds))
    one.accept(reading, peer, at(seconds))


def ids(one: Intake, source: str = ADDRESS) -> list[int]:
    rows = one.store.view.sources[source].rows
    assert rows is not None
    return list(rows.downstream_id)


def test_a_message_that_is_only_read_changes_nothing() -> None:
    one = intake()
    peer = one.connect(1, ADDRESS)
    view = one.store.view
    one.read(PAYLOADS[Encoding.FRAMES](miner_snapshot(miner(1))), Encoding.FRAMES, peer, at(0))
    assert one.store.view is view
    assert one.counters.messages.total() == 0


def test_accepted_messages_are_counted_by_type_and_prove_the_peer() -> None:
    one = intake()
    peer = one.connect(1, ADDRESS)
    send(one, peer, RETIRED)
    assert (peer.has_sent_valid, peer.is_shown) == (True, False)
    send(one, peer, miner_snapshot(miner(1, hashrate=-1.0)))
    assert (peer.has_sent_valid, peer.is_shown) == (True, True)
    assert one.counters.messages == {"ShareSubmitted": 1, "MinerSnapshot": 1}
    assert one.counters.values_dropped.total() == 1
    assert one.counters.waiting == [at(0).monotonic]


def test_a_message_that_is_refused_is_counted_and_leaves_the_last_good_snapshot() -> None:
    one = intake(max_rows=1)
    peer = one.connect(1, ADDRESS)
    send(one, peer, miner_snapshot(miner(1)))
    with pytest.raises(MessageRefused) as refused:
        send(one, peer, miner_snapshot(miner(1), miner(2)))
    one.refuse(refused.value)
    assert one.counters.messages_refused == {Reason.TOO_MANY_ROWS: 1}
    assert ids(one) == [1]


def test_hello_must_be_the_first_message_and_comes_once() -> None:
    one = intake()
    peer = one.connect(1, ADDRESS)
    send(one, peer, HELLO)
    with pytest.raises(MessageRefused, match="first message"):
        send(one, peer, HELLO)
    late = one.connect(2, ADDRESS)
    send(one, late, RETIRED)
    with pytest.raises(MessageRefused, match="first message"):
        send(one, late, HELLO)


def test_without_the_token_that_is_required_nothing_but_a_hello_may_come() -> None:
    one = intake(tokens=True)
    peer = one.connect(1, ADDRESS)
    for message in (RETIRED, miner_snapshot()):
        with pytest.raises(ConnectionRefused) as refused:
            send(one, peer, message)
        assert refused.value.reason is ConnectionReason.BAD_TOKEN
    assert one.store.view.sources == {}


def test_every_byte_before_a_required_hello_counts_whatever_it_is() -> None:
    one = intake(tokens=True)
    peer = one.connect(1, ADDRESS)
    one.received(peer, HELLO_BYTES)
    with pytest.raises(ConnectionRefused) as refused:
        one.received(peer, 1)
    assert refused.value.reason is ConnectionReason.BAD_TOKEN
    assert one.counters.received_bytes == HELLO_BYTES + 1


def test_after_hello_or_where_none_is_required_any_number_of_bytes_may_come() -> None:
    for one in (intake(tokens=True), intake()):
        peer = one.connect(1, ADDRESS)
        send(one, peer, HELLO)
        one.received(peer, 100 * HELLO_BYTES)
    peer = one.connect(2, ADDRESS)
    one.received(peer, 100 * HELLO_BYTES)


def test_a_certificate_that_is_bound_to_sources_opens_those_and_no_others() -> None:
    one = intake()
    for number, source in enumerate(("a", "b")):
        peer = one.connect(number, ADDRESS, certificate_names=frozenset({"a", "c"}))
        assert not one.may_send(peer)
        hello: Fields = {"Hello": {"source": source}}
        if source == "a":
            send(one, peer, hello)
            continue
        with pytest.raises(ConnectionRefused) as refused:
            send(one, peer, hello)
        assert refused.value.reason is ConnectionReason.WRONG_CERTIFICATE


def test_addresses_are_forgotten_as_they_come_in_where_they_are_redacted() -> None:
    one = intake(redact_ip=True)
    peer = one.connect(1, ADDRESS)
    send(one, peer, miner_snapshot(miner(1, address="192.0.2.99:1")))
    rows = one.store.view.sources[ADDRESS].rows
    assert rows is not None
    assert list(rows.address) == [None]


def test_what_was_read_is_still_right_where_the_rival_of_its_name_has_left_meanwhile() -> None:
    one = intake()
    first, second = one.connect(1, ADDRESS), one.connect(2, ADDRESS)
    send(one, first, miner_snapshot(miner(1)))
    send(one, second, miner_snapshot(miner(2)), 1)
    message = PAYLOADS[Encoding.FRAMES](miner_snapshot(miner(1)))
    reading = one.read(message, Encoding.FRAMES, first, at(2))
    one.disconnect(second, at(3))
    one.accept(reading, first, at(4))
    assert list(one.store.view.sources) == [ADDRESS]
    assert ids(one) == [1]


@pytest.mark.parametrize(
    "source",
    ["", "a\x00", " a", "a ", "a\u200b", "\u202ea", "a\ud800", "x" * 129, ADDRESS, f"{ADDRESS}#2"],
)
def test_a_name_that_cannot_be_told_from_another_is_refused(source: str) -> None:
    one = intake()
    peer = one.connect(1, ADDRESS)
    with pytest.raises(ConnectionRefused) as refused:
        send(one, peer, {"Hello": {"source": source}})
    assert refused.value.reason is ConnectionReason.BAD_HELLO


def test_a_name_in_any_script_is_welcome() -> None:
    one = intake()
    for number, source in enumerate(("矿场", "ферма", "ferme d'été", "τράπεζα")):
        peer = one.connect(number, ADDRESS)
        send(one, peer, {"Hello": {"source": source}})
        send(one, peer, miner_snapshot(timestamp=NOW))
        assert source in one.store.view.sources
