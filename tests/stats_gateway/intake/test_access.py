from ipaddress import ip_network

import pytest

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.intake.access import OpenAccess, TokenAccess, check_hello, token_rule
from stats_gateway.store.origin import is_allowed
from stats_gateway.wire.messages import Hello

ALIASES = {"192.0.2.1": "farm"}


@pytest.mark.parametrize(
    "source",
    ["", "a" * 129, "ä" * 65, "a\nb", "\ud800", "192.0.2.1", "::1", "192.0.2.1#2", "a#b", "farm"],
)
def test_a_name_that_cannot_be_is_a_bad_hello(source: str) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        check_hello(Hello(source=source), ALIASES)
    assert refused.value.reason is ConnectionReason.BAD_HELLO


@pytest.mark.parametrize("source", ["a", "a" * 128, "ä" * 64, "translator 1", "50%", "矿场"])
@pytest.mark.parametrize("interval", [None, 0.5, 3600.0])
def test_any_other_name_is_good(source: str, interval: float | None) -> None:
    check_hello(Hello(source=source, interval=interval), ALIASES)


def test_without_tokens_everyone_may_send() -> None:
    OpenAccess().check(Hello(source="a"))
    assert not OpenAccess.needs_hello


RULES = (token_rule("for all", ()), token_rule("for a", ("a",)), token_rule("ключ", ("b",)))


@pytest.mark.parametrize(("token", "source"), [("for all", "z"), ("for a", "a"), ("ключ", "b")])
def test_a_token_opens_what_it_is_for(token: str, source: str) -> None:
    TokenAccess(lambda: RULES).check(Hello(source=source, token=token))


@pytest.mark.parametrize(
    ("token", "source"),
    [(None, "a"), ("", "a"), ("For all", "a"), ("for a", "b"), ("\ud800", "a")],
)
def test_a_token_opens_nothing_else(token: str | None, source: str) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        TokenAccess(lambda: RULES).check(Hello(source=source, token=token))
    assert refused.value.reason is ConnectionReason.BAD_TOKEN
    assert token is None or not token or token not in refused.value.detail


def test_no_rule_opens_nothing() -> None:
    with pytest.raises(ConnectionRefused):
        TokenAccess(tuple).check(Hello(source="a", token=""))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", True), ("fd00::1", True), ("fd00::1%eth0", True), ("192.0.2.1", False)],
)
def test_a_network_lets_in_its_addresses(address: str, expected: bool) -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert is_allowed(address, networks) is expected
