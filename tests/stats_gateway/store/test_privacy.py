import pytest

from stats_gateway.store.parts import ConnectionsPart, MinersPart, WindowPart
from stats_gateway.store.privacy import without_addresses
from tests.support.senders import content
from tests.support.snapshots import (
    NOW,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    service_snapshot,
    window,
)


@pytest.mark.parametrize(
    "message",
    [
        miner_snapshot(miner(1, address="192.0.2.1:1"), upstream={"address": "pool:34254"}),
        connection_snapshot(connection(1, address="192.0.2.1:1"), listen_address="0.0.0.0:34254"),
        service_snapshot(window(1, address="192.0.2.1:1")),
    ],
)
def test_no_address_of_a_downstream_is_left_and_all_else_is(message: Fields) -> None:
    whole = content(message)
    redacted = without_addresses(whole)
    assert "192.0.2.1" in repr(whole)
    assert "192.0.2.1" not in repr(redacted)
    match redacted:
        case MinersPart():
            assert redacted.rows.name == ["farm1.rig-1"]
            assert redacted.upstream is not None
        case ConnectionsPart():
            assert [service.address for service in redacted.services] == ["0.0.0.0:34254"]
        case WindowPart():
            assert redacted.windows[1].shares == 100


def test_a_service_that_listens_is_no_downstream() -> None:
    declarator = content({"listen_address": "127.0.0.1:34264", "timestamp": NOW})
    assert without_addresses(declarator) is declarator
