import socket

import pytest

from exporters.settings.addresses import Address, bind, bound_address, parse_address, parse_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8084", Address("127.0.0.1", 8084)),
        ("localhost:0", Address("localhost", 0)),
        (":8084", Address("", 8084)),
        ("[::1]:8084", Address("::1", 8084)),
        ("stats.example.org:65535", Address("stats.example.org", 65535)),
    ],
)
def test_an_address_is_read_and_written_the_same_way(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "127.0.0.1", "8084", "localhost:", "localhost:x", "a:65536", "a:-1", "::1:8084"),
        *("a:1.5", "a:" + "9" * 5000, "a:\u0663", "a\0b:1", "a b:1", "a..b:1", "x" * 64 + ":1"),
    ],
)
def test_what_is_no_address_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        parse_address(text)


@pytest.mark.parametrize("text", ["http://u:s3cret@host:80", "u:s3cret@host:80", "h?t=s3cret:x"])
def test_what_may_hold_a_password_is_not_repeated(text: str) -> None:
    for parse in (parse_address, parse_url):
        with pytest.raises(ValueError, match="must be") as wrong:
            parse(text)
        assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    "text", ["http://localhost:9090", "https://prometheus.example/some/path", "http://[::1]:9090"]
)
def test_a_url_loses_nothing_but_the_slash_at_its_end(text: str) -> None:
    assert parse_url(text) == parse_url(f"{text}/") == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost:9090", "ftp://host", "http://", "http://host:0", "http://host:x"),
        *("http://ho st", "http://h\u00f6st", "http://host/#top", "http://[::1", "http://a:99999"),
    ],
)
def test_what_is_no_url_of_a_prometheus_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="must be http://HOST"):
        parse_url(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("stats.example.org", False),
    ],
)
def test_only_loopback_addresses_are_this_machines_alone(host: str, expected: bool) -> None:
    assert Address(host, 1).is_loopback is expected


def test_port_0_is_any_free_port_and_the_bound_one_is_told() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        address = bound_address(listener)
        assert address.port > 0
        listener.listen()
        with socket.create_connection((address.host, address.port), timeout=5):
            pass


@pytest.mark.skipif(
    not socket.has_dualstack_ipv6(),
    reason="needs IPv6: run 'sudo sysctl net.ipv6.conf.all.disable_ipv6=0'",
)
def test_an_empty_host_is_every_interface_of_both_families() -> None:
    with bind(Address("", 0)) as listener:
        listener.listen()
        port = bound_address(listener).port
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=5):
                pass


def test_a_port_that_is_taken_is_an_error() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        listener.listen()
        with pytest.raises(OSError, match="in use"):
            bind(bound_address(listener))
