"""Who is let in, and how many."""

from ipaddress import ip_network

import pytest

from stats_feed.tap.access.admission import Admission, AdmissionRules, is_in
from stats_feed.tap.access.proxy_protocol import Version, header
from stats_feed.tap.books.counts import Refusal
from tests.stats_feed.tap.taps import Pool, RunningTap


def test_connections_are_bounded_in_total_and_for_each_address() -> None:
    admission = Admission(AdmissionRules(max_connections=3, max_per_address=2))
    assert [admission.enter() for _ in range(4)] == [None, None, None, Refusal.TOO_MANY]
    claimed = [admission.claim("10.0.0.1") for _ in range(3)]
    assert claimed == [None, None, Refusal.TOO_MANY_OF_ADDRESS]
    assert admission.claim("10.0.0.2") is None
    admission.leave("10.0.0.1")
    admission.leave(None)
    assert (admission.enter(), admission.claim("10.0.0.1")) == (None, None)


def test_all_addresses_of_one_ipv6_network_are_one_client() -> None:
    admission = Admission(AdmissionRules(max_connections=9, max_per_address=2))
    claimed = [admission.claim(f"2001:db8::{number}") for number in range(1, 4)]
    assert claimed == [None, None, Refusal.TOO_MANY_OF_ADDRESS]
    assert admission.claim("2001:db8:0:1::1") is None
    admission.leave("2001:db8::1")
    assert admission.claim("2001:db8::ffff") is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", True), ("11.0.0.1", False), ("2001:db8::1", True), ("fe80::1%eth0", False),
     ("no address", False)],
)  # fmt: skip
def test_an_address_is_in_a_network_of_its_kind(address: str, expected: bool) -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert is_in(address, networks) == expected


def test_miners_from_other_networks_are_closed_and_counted_by_their_own_address() -> None:
    flags = ("--allow-networks=203.0.113.0/24", "--proxy-protocol-from=127.0.0.1")
    with Pool() as pool, RunningTap("--upstream", pool.name, *flags) as tap:
        for source in ("198.51.100.1", "203.0.113.1"):
            with tap.connect() as miner:
                miner.send(header(Version.V1, (source, 1), ("10.0.0.5", 3333)) + b"{}\n")
                if source == "198.51.100.1":
                    assert miner.is_closed()
                else:
                    with pool.accept() as upstream:
                        assert upstream.read(3) == b"{}\n"
        assert tap.counts.refused[Refusal.NETWORK] == 1


def test_more_connections_than_may_be_are_closed_until_others_have_left() -> None:
    flags = ("--max-connections=2", "--max-connections-per-address=1")
    with Pool() as pool, RunningTap("--upstream", pool.name, *flags) as tap:
        with tap.connect(), pool.accept(), tap.connect() as second:
            assert second.is_closed()
            assert tap.counts.refused[Refusal.TOO_MANY_OF_ADDRESS] == 1
        tap.wait_until(lambda tap: tap.counts.connections == 0)
        with tap.connect() as miner, pool.accept() as upstream:
            miner.send(b"a")
            assert upstream.read(1) == b"a"
