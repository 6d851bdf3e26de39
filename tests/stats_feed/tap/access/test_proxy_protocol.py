"""Headers of the PROXY protocol, in and out."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_feed.tap.access.proxy_protocol import (
    MAX_BODY_BYTES,
    SIGNATURE,
    ProxyHeaderError,
    Version,
    header,
    read_header,
)
from stats_feed.tap.books.counts import Refusal
from tests.stats_feed.tap.reader.dialogues import answer, ask
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, Address, Pool, RunningTap

POOL = ("10.0.0.5", 3333)


def parsed(data: bytes) -> tuple[Address | None, bytes]:
    """The address that a header names, and what follows the header."""
    reading = read_header()
    wanted = next(reading)
    while True:
        if len(data) < wanted:
            raise EOFError
        piece, data = data[:wanted], data[wanted:]
        try:
            wanted = reading.send(piece)
        except StopIteration as done:
            return done.value, data


@given(
    st.sampled_from(Version),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    st.integers(0, 65535),
    st.sampled_from([("10.0.0.5", 3333), ("2001:db8::5", 3333)]),
)
def test_what_is_written_is_read_and_nothing_behind_it(
    version: Version, host: str, port: int, own: Address
) -> None:
    found, rest = parsed(header(version, (host, port), own) + b'{"id":1}\n')
    assert rest == b'{"id":1}\n'
    assert found is not None
    assert found[1] == port
    assert found[0] in (host, f"::ffff:{host}") or found[0].startswith("::ffff:")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PROXY TCP4 203.0.113.7 10.0.0.5 51234 3333\r\n", ("203.0.113.7", 51234)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::5 51234 3333\r\n", ("2001:db8::7", 51234)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
        (SIGNATURE + b"\x20\x00\x00\x00", None),
        (SIGNATURE + b"\x20\x11\x00\x0c" + b"\0" * 12, None),
        (SIGNATURE + b"\x21\x31\x00\x04abcd", None),
        (SIGNATURE + b"\x21\x11\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x0d\x05tlv!",
         ("1.2.3.4", 80)),
    ],
)  # fmt: skip
def test_every_kind_of_header(data: bytes, expected: Address | None) -> None:
    assert parsed(data + b"rest") == (expected, b"rest")


@pytest.mark.parametrize(
    "data",
    [
        b'{"id": 1, "method": "mining.subscribe"}\n',
        b"PROXY TCP4 203.0.113.7 10.0.0.5 51234 3333\n" + b"x" * 200,
        b"PROXY TCP4 203.0.113.7 10.0.0.5 99999 3333\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::5 51234 3333\r\n",
        b"PROXY TCP4 pool.example 10.0.0.5 51234 3333\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.5 51234\r\n",
        b"PROXY UDP4 203.0.113.7 10.0.0.5 1 2\r\n",
        SIGNATURE + b"\x11\x11\x00\x0c" + b"\0" * 12,
        SIGNATURE + b"\x21\x11\x00\x0b" + b"\0" * 11,
        SIGNATURE + b"\x21\x11" + (MAX_BODY_BYTES + 1).to_bytes(2, "big"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parsed(data)


@given(st.binary(max_size=120))
def test_no_bytes_raise_another_error(data: bytes) -> None:
    for begin in (b"", b"PROXY TCP4 ", SIGNATURE):
        with suppress(ProxyHeaderError, EOFError):
            parsed(begin + data)


@pytest.fixture(params=EACH_LOOP)
def tapped(request: pytest.FixtureRequest) -> Iterator[tuple[RunningTap, Pool]]:
    flags = ("--proxy-protocol-from=127.0.0.0/8", "--proxy-protocol-out=v2")
    loop = LOOPS[request.param]
    with Pool() as pool, RunningTap("--upstream", pool.name, *flags, loop=loop) as tap:
        yield tap, pool


def test_a_miner_behind_a_proxy_is_known_by_its_own_address_and_passed_on_with_it(
    tapped: tuple[RunningTap, Pool],
) -> None:
    tap, pool = tapped
    began = header(Version.V1, ("203.0.113.7", 51234), POOL)
    asked = ask("mining.authorize", "farm.w1", "x")[1]
    with tap.connect() as miner:
        for byte in began:
            miner.send(bytes([byte]))
        miner.send(asked)
        with pool.accept() as upstream:
            expected = header(Version.V2, ("203.0.113.7", 51234), tap.addresses[0])
            assert upstream.read(len(expected) + len(asked)) == expected + asked
            upstream.send(answer(1, True)[1])
            tap.wait_until(lambda tap: bool(tap.snapshot()["miners"]))
            assert tap.snapshot()["miners"][0]["address"] == "203.0.113.7:51234"


def test_a_listed_proxy_without_a_header_is_refused(tapped: tuple[RunningTap, Pool]) -> None:
    tap, _ = tapped
    with tap.connect() as miner:
        miner.send(ask("mining.subscribe")[1])
        assert miner.is_closed()
    with tap.connect() as miner:
        miner.end()
        assert miner.is_closed()
    tap.wait_until(lambda tap: tap.counts.refused[Refusal.PROXY_HEADER] == 2)
    tap.wait_until(lambda tap: tap.counts.connections == 0)


def test_a_header_of_somebody_else_is_the_miners_own_bytes() -> None:
    began = header(Version.V1, ("203.0.113.7", 51234), POOL)
    with (
        Pool() as pool,
        RunningTap("--upstream", pool.name, "--proxy-protocol-from=192.0.2.0/24") as tap,
        tap.connect() as miner,
        pool.accept() as upstream,
    ):
        miner.send(began)
        assert upstream.read(len(began)) == began
