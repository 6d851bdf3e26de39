"""Who is admitted, and who gives way: rules by example, and over random sequences of events."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.server.admission import GIVES_WAY_BELOW, Admission, Standing, client_network

ONE, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ADDRESSES = (ONE, OTHER, THIRD, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")


def admitted(
    admission: Admission, first: int, count: int, address: str, standing: Standing
) -> None:
    """Let `count` connections in, numbered from `first`."""
    for number in range(first, first + count):
        assert admission.admit(number, address, standing) is None


def gives_way(admission: Admission, number: int, address: str) -> int | None:
    """The connection that is closed for a new one of `address`."""
    victim = admission.admit(number, address, Standing.UNPROVEN)
    return None if victim is None else victim.number


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_ipv4_address_is_a_client_and_an_ipv6_network_of_64_bits_is_one(
    address: str, network: str
) -> None:
    assert client_network(address) == network


@given(st.ip_addresses(v=6))
def test_neighbours_in_ipv6_are_one_client(address: object) -> None:
    network = client_network(str(address))
    assert network == client_network(network.removesuffix("/64"))


def test_while_there_is_room_nobody_gives_way() -> None:
    admission = Admission(3)
    admitted(admission, 0, 3, ONE, Standing.UNPROVEN)
    assert len(admission) == 3


def test_the_address_with_more_than_its_share_gives_way_whatever_its_connections_do() -> None:
    admission = Admission(4)
    admitted(admission, 0, 3, ONE, Standing.BUSY)
    admitted(admission, 3, 1, OTHER, Standing.UNPROVEN)
    assert gives_way(admission, 4, THIRD) == 0
    assert gives_way(admission, 5, THIRD) == 3  # ONE and THIRD would hold two each


def test_many_connections_with_a_snapshot_each_do_not_keep_a_sender_out() -> None:
    admission = Admission(1024)
    admitted(admission, 0, 1024, ONE, Standing.BUSY)
    for number in range(2000, 2012):
        assert gives_way(admission, number, OTHER) is not None
        admission.place(number, Standing.BUSY)
    assert all(number in admission for number in range(2000, 2012))


def test_of_one_address_the_lowest_standing_goes_first_and_then_the_longest_held() -> None:
    admission = Admission(6)
    standings = (Standing.BUSY, Standing.NAMED, Standing.RESTING, Standing.UNPROVEN)
    for number, standing in enumerate((*standings, Standing.UNPROVEN, Standing.HANDSHAKE)):
        admission.admit(number, ONE, standing)
    gone = [gives_way(admission, number, f"192.0.2.{number}") for number in range(10, 15)]
    assert gone == [5, 3, 4, 2, 1]


def test_where_shares_are_equal_a_connection_of_no_use_gives_way() -> None:
    admission = Admission(3)
    for number, address in enumerate((ONE, OTHER, THIRD)):
        admission.admit(number, address, Standing.BUSY)
    admission.place(1, Standing.RESTING)
    assert gives_way(admission, 3, "192.0.2.4") == 1


def test_where_shares_are_equal_and_all_are_of_use_the_newcomer_is_refused() -> None:
    admission = Admission(2)
    admitted(admission, 0, 1, ONE, Standing.BUSY)
    admitted(admission, 1, 1, OTHER, Standing.NAMED)
    with pytest.raises(ConnectionRefused) as refusal:
        admission.admit(2, THIRD, Standing.UNPROVEN)
    assert refusal.value.reason is ConnectionReason.TOO_MANY_CONNECTIONS
    assert "max_connections (2)" in refusal.value.detail
    assert 2 not in admission


def test_a_client_with_many_connections_drives_out_only_its_own() -> None:
    admission = Admission(10)
    admission.admit(0, OTHER, Standing.RESTING)
    admitted(admission, 1, 9, ONE, Standing.UNPROVEN)
    assert [gives_way(admission, number, ONE) for number in range(10, 40)] == list(range(1, 31))
    assert 0 in admission


def test_trusted_connections_never_give_way_and_do_not_count_against_their_address() -> None:
    admission = Admission(4)
    admitted(admission, 0, 3, ONE, Standing.TRUSTED)
    admitted(admission, 3, 1, OTHER, Standing.BUSY)
    with pytest.raises(ConnectionRefused):
        admission.admit(4, ONE, Standing.UNPROVEN)
    admission.place(3, Standing.UNPROVEN)
    assert gives_way(admission, 5, ONE) == 3


def test_neighbours_in_ipv6_share_one_share() -> None:
    admission = Admission(2)
    admission.admit(0, "2001:db8::1", Standing.BUSY)
    admission.admit(1, "2001:db8::2", Standing.BUSY)
    assert gives_way(admission, 2, ONE) == 0


def test_handshakes_are_bounded_by_address_and_the_longest_unfinished_gives_way() -> None:
    admission = Admission(100, max_handshakes=6, max_handshakes_of_one=4)
    admitted(admission, 0, 4, ONE, Standing.HANDSHAKE)
    victim = admission.admit(4, ONE, Standing.HANDSHAKE)
    assert victim is not None
    assert victim.number == 0
    admission.place(1, Standing.UNPROVEN)
    assert admission.admit(5, ONE, Standing.HANDSHAKE) is None


def test_handshakes_are_bounded_in_all_and_the_address_with_the_most_gives_way() -> None:
    admission = Admission(100, max_handshakes=6, max_handshakes_of_one=4)
    admitted(admission, 0, 4, ONE, Standing.HANDSHAKE)
    admitted(admission, 4, 2, OTHER, Standing.HANDSHAKE)
    victim = admission.admit(6, THIRD, Standing.HANDSHAKE)
    assert victim is not None
    assert victim.number == 0
    assert admission.admit(7, THIRD, Standing.UNPROVEN) is None


def test_stalled_handshakes_that_take_all_connections_keep_nobody_out() -> None:
    admission = Admission(8, max_handshakes=8, max_handshakes_of_one=8)
    admitted(admission, 0, 8, ONE, Standing.HANDSHAKE)
    for number in range(10, 14):
        assert admission.admit(number, OTHER, Standing.HANDSHAKE) is not None
        admission.place(number, Standing.BUSY)
    assert all(number in admission for number in range(10, 14))


def test_who_has_left_has_no_standing_and_may_leave_again() -> None:
    admission = Admission(1)
    admission.admit(0, ONE, Standing.UNPROVEN)
    admission.leave(0)
    admission.leave(0)
    admission.place(0, Standing.BUSY)
    assert len(admission) == 0
    assert admission.admit(1, ONE, Standing.UNPROVEN) is None


class Sequences(RuleBasedStateMachine):
    """Random events against the rules, which are worked out anew from a plain list here."""

    LIMIT, HANDSHAKES, HANDSHAKES_OF_ONE = 8, 4, 2

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(self.LIMIT, self.HANDSHAKES, self.HANDSHAKES_OF_ONE)
        self.held: dict[int, tuple[str, Standing]] = {}
        self.next = 0

    def share(self, client: str) -> int:
        return sum(
            one == client and standing is not Standing.TRUSTED
            for one, standing in self.held.values()
        )

    @rule(address=st.sampled_from(ADDRESSES), standing=st.sampled_from(Standing))
    def admit(self, address: str, standing: Standing) -> None:
        self.next += 1
        client = client_network(address)
        shares = {one: self.share(one) for one, _ in self.held.values()}
        is_full = len(self.held) >= self.LIMIT
        try:
            victim = self.admission.admit(self.next, address, standing)
        except ConnectionRefused:
            assert is_full
            assert max(shares.values()) <= shares.get(client, 0) + 1
            assert all(one >= GIVES_WAY_BELOW for _, one in self.held.values())
            return
        if victim is not None:
            gone, its_standing = self.held.pop(victim.number)
            assert its_standing is not Standing.TRUSTED
            for number, (one, other) in self.held.items():
                assert (one, other) >= (gone, its_standing) or one != gone, number
            if standing is Standing.HANDSHAKE and its_standing is Standing.HANDSHAKE:
                self.held[self.next] = (client, standing)
                return
            assert is_full
            assert shares[gone] == max(shares.values()) or its_standing < GIVES_WAY_BELOW
            assert shares[gone] > shares.get(client, 0) + 1 or its_standing < GIVES_WAY_BELOW
        self.held[self.next] = (client, standing)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), standing=st.sampled_from(list(Standing)[1:]))
    def place(self, data: st.DataObject, standing: Standing) -> None:
        number = data.draw(st.sampled_from(sorted(self.held)))
        self.admission.place(number, standing)
        self.held[number] = (self.held[number][0], standing)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.held)))
        self.admission.leave(number)
        del self.held[number]

    @invariant()
    def the_same_are_admitted_and_no_bound_is_passed(self) -> None:
        assert len(self.admission) == len(self.held) <= self.LIMIT
        assert all(number in self.admission for number in self.held)
        handshakes = Counter(
            client for client, standing in self.held.values() if standing is Standing.HANDSHAKE
        )
        assert handshakes.total() <= self.HANDSHAKES
        assert all(count <= self.HANDSHAKES_OF_ONE for count in handshakes.values())


test_any_sequence = Sequences.TestCase
