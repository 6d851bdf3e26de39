"""What senders together, and each address, may cost."""

import time
from contextlib import ExitStack

import pytest

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.security.peers import MESSAGES_REFUSED, Peer, connected, hello, refused, wait_refused
from tests.support.until import until

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"
MIB = 1 << 20
MESSAGE_BYTES = 8 * MIB


def half_frame(size: int) -> bytes:
    """The first `size` bytes of a frame that is never finished."""
    return MESSAGE_BYTES.to_bytes(4, "big") + bytes(size - 4)


def test_unfinished_messages_have_a_bound_together_and_the_largest_holder_goes() -> None:
    limits = (
        f"--limits.max-message-bytes={MESSAGE_BYTES}",
        f"--limits.max-buffered-bytes={MESSAGE_BYTES}",
    )
    with Service("proxy", *limits) as service, ExitStack() as stack:
        good = stack.enter_context(connected(service.ingest, address=OTHER))
        assert "Welcome" in good.ask(hello("good"))
        # Its own unfinished message is larger than any one of the others'.
        snapshot = miner_snapshot(miners("a"))
        good.socket.sendall(half_frame(2 * MIB))
        hogs = [stack.enter_context(connected(service.ingest)) for _ in range(16)]
        for hog in hogs:
            hog.socket.sendall(half_frame(MIB))
        wait_refused(service, "buffers_full", 9)
        assert refused(service, "buffers_full") < 16
        with connected(service.ingest, address=OTHER) as again:
            assert "Welcome" in again.ask(hello("other"))
            again.say(snapshot)
            service.scrape_until(lambda scrape: scrape.names("other") == ["a"])


def test_one_address_can_only_push_out_sources_that_it_named_itself() -> None:
    limits = ("--limits.max-sources-per-address=5", "--limits.max-sources=8")
    with Service("proxy", *limits) as service:
        with connected(service.ingest, address=OTHER) as sender:
            sender.ask(hello("mine"))
            sender.say(miner_snapshot(miners("a")))
            service.scrape_until(lambda scrape: scrape.names("mine") == ["a"])
        with ExitStack() as stack:
            for number in range(12):
                peer = stack.enter_context(connected(service.ingest))
                peer.ask(hello(f"flood-{number}"))
                peer.say(miner_snapshot(miners("x")))
            service.scrape_until(
                lambda scrape: (
                    scrape.value(MESSAGES_REFUSED, reason="too_many_sources") == 7
                    and len(scrape.sources()) == 6
                )
            )
        # Every source is down by now, and still remembered.
        scrape = service.scrape_until(lambda scrape: not any(scrape.sources().values()))
        with connected(service.ingest) as peer:
            peer.ask(hello("one-more"))
            peer.say(miner_snapshot(miners("x")))
            scrape = service.scrape_until(lambda scrape: "one-more" in scrape.sources())
        assert "mine" in scrape.sources()
        assert len(scrape.sources()) == 6


def test_all_sources_together_have_a_bound_of_rows_and_old_ones_stay() -> None:
    with Service("proxy", "--limits.max-total-rows=5") as service, ExitStack() as stack:
        first, second = (stack.enter_context(connected(service.ingest)) for _ in range(2))
        first.ask(hello("first"))
        second.ask(hello("second"))
        first.say(miner_snapshot(miners("a", "b", "c")))
        second.say(miner_snapshot(miners("d", "e")))
        service.scrape_until(lambda scrape: len(scrape.names()) == 5)
        second.say(miner_snapshot(miners("d", "e", "f")))
        scrape = service.scrape_until(
            lambda scrape: scrape.value(MESSAGES_REFUSED, reason="too_many_rows") == 1
        )
        assert scrape.names() == ["a", "b", "c", "d", "e"]
        first.say(miner_snapshot(miners("a")))
        second.say(miner_snapshot(miners("d", "e", "f", "g")))
        service.scrape_until(lambda scrape: scrape.names() == ["a", "d", "e", "f", "g"])


def test_only_the_networks_that_are_listed_may_send() -> None:
    with Service("proxy", f"--ingest.allow-networks={OTHER}/32,10.0.0.0/8") as service:
        with connected(service.ingest, address=OTHER) as sender:
            assert "Welcome" in sender.ask(hello("good"))
        with connected(service.ingest) as sender:
            assert sender.ask(hello("bad")) == {}
        wait_refused(service, "network_not_allowed", 1)


def test_a_full_house_makes_room_by_closing_who_never_sent_anything_good() -> None:
    with Service("proxy", "--limits.max-connections=10") as service, ExitStack() as stack:
        idle = [stack.enter_context(connected(service.ingest)) for _ in range(10)]
        until(lambda: service.scrape().value("stats_gateway_connections") == 10)
        # From an address of its own, which has fewer of them than the others' address.
        newcomer = stack.enter_context(connected(service.ingest, address=OTHER))
        more = [stack.enter_context(connected(service.ingest)) for _ in range(10)]
        wait_refused(service, "too_many_connections", 11)
        assert "Welcome" in newcomer.ask(hello("good"))
        assert len(idle + more) == 20


def test_small_messages_at_full_speed_keep_nobody_waiting() -> None:
    with Service("proxy") as service, ExitStack() as stack:
        flood = [stack.enter_context(connected(service.ingest)) for _ in range(20)]
        for number, peer in enumerate(flood):
            peer.ask(hello(f"flood-{number}"))
            peer.socket.settimeout(0.2)
        tiny = b"\x00\x00\x00\x01\x80" + b"\x00\x00\x00\x01\x81"
        event = bytes.fromhex("81a45061726b90")
        waits = []
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for peer in flood:
                try:
                    peer.socket.send((tiny + len(event).to_bytes(4, "big") + event) * 100)
                except OSError:
                    continue
            began = time.monotonic()
            assert service.get("/-/healthy").status == 200
            waits.append(time.monotonic() - began)
        assert max(waits) < 5.0
        with connected(service.ingest) as sender:
            assert "Welcome" in sender.ask(hello("good"))


def trickle(peer: Peer, first: bytes, rest: bytes) -> float:
    """Send a byte every tenth of a second; gives the seconds until the service had enough."""
    peer.socket.settimeout(0.1)
    began = time.monotonic()
    piece = first
    while time.monotonic() - began < 10:
        try:
            peer.socket.sendall(piece)
            if not peer.socket.recv(1):
                break
        except TimeoutError:
            piece = rest
        except ConnectionError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize(("first", "rest"), [(b"\0", b"\1"), (b"{", b" ")])
def test_a_byte_now_and_then_does_not_keep_a_connection(first: bytes, rest: bytes) -> None:
    with (
        Service("proxy", "--limits.frame-seconds=1", "--limits.silent-seconds=3") as service,
        connected(service.ingest) as slow,
        connected(service.ingest) as silent,
    ):
        assert 0.9 < trickle(slow, first, rest) < 10
        wait_refused(service, "slow_frame", 1)
        silent.wait_for_end()
        wait_refused(service, "silent", 1)


def test_a_name_alone_does_not_hold_a_place_against_a_sender_of_rows() -> None:
    with Service("proxy", "--limits.max-connections=10") as service, ExitStack() as stack:
        for number in range(10):
            peer = stack.enter_context(connected(service.ingest))
            assert "Welcome" in peer.ask(hello(f"name-{number}"))
            peer.say({"ShareSubmitted": {}})
        sender = stack.enter_context(connected(service.ingest, address=OTHER))
        assert "Welcome" in sender.ask(hello("good"))
        sender.say(miner_snapshot(miners("a")))
        service.scrape_until(lambda scrape: scrape.names("good") == ["a"])
        for _ in range(20):
            stack.enter_context(connected(service.ingest))
        wait_refused(service, "too_many_connections", 21)
        sender.say(miner_snapshot(miners("a", "b")))
        service.scrape_until(lambda scrape: scrape.names("good") == ["a", "b"])
