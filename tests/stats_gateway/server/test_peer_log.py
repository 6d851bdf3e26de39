import logging

import pytest

from stats_gateway.server import peer_log as module
from stats_gateway.server.peer_log import LOG_SECONDS, PeerLog, shown


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    # A sender of an earlier test may still end, and say so.
    return [record.getMessage() for record in caplog.records if record.name == module.__name__]


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_a_peer_is_complained_about_once_a_minute_for_each_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    peer_log = PeerLog()
    for now in (0.0, 1.0, 2.0):
        peer_log.add("192.0.2.1", 5, "malformed", "why", now)
    peer_log.add("192.0.2.1", 6, "silent", "why", 3.0)
    peer_log.add("192.0.2.1", 7, "malformed", "again", LOG_SECONDS)
    assert said(caplog) == [
        "192.0.2.1:5: malformed: why",
        "192.0.2.1:6: silent: why",
        "192.0.2.1:7: malformed: again (and 2 times since the last such line)",
    ]


def test_the_addresses_of_one_ipv6_network_are_one_peer(caplog: pytest.LogCaptureFixture) -> None:
    peer_log = PeerLog()
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        peer_log.add(address, 5, "malformed", "why", 0.0)
    assert said(caplog) == [
        "[2001:db8::1]:5: malformed: why",
        "[2001:db8:0:1::1]:5: malformed: why",
    ]


def test_an_address_is_written_with_its_port() -> None:
    assert shown("192.0.2.1", 5) == "192.0.2.1:5"
    assert shown("2001:db8::1", 5) == "[2001:db8::1]:5"
