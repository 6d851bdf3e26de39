import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.rows.rows import take, total_of
from stats_gateway.store.parts import ConnectionsPart, MinersPart
from tests.support.senders import content
from tests.support.snapshots import connection, connection_snapshot, miner, miner_snapshot


@pytest.mark.parametrize(
    ("hashrates", "total"),
    [
        ([], 0.0),
        ([None], None),
        ([None, 1.0, 2.0], 3.0),
        ([0.1] * 10, 1.0),
        ([1e308, 1e308], None),
        ([0.0], 0.0),
    ],
)
def test_the_total_is_of_what_is_known_and_unknown_when_nothing_is(
    hashrates: list[float | None], total: float | None
) -> None:
    assert total_of(hashrates) == total


@given(st.lists(st.none() | st.floats(0, allow_infinity=False)))
def test_a_total_is_always_a_number_or_unknown(hashrates: list[float | None]) -> None:
    total = total_of(hashrates)
    assert total is None or math.isfinite(total)


def test_rows_can_be_taken_in_any_order_with_all_their_columns() -> None:
    miners = content(miner_snapshot(*(miner(id_, work=float(id_)) for id_ in range(4))))
    assert isinstance(miners, MinersPart)
    taken = take(miners.rows, [3, 1])
    # Machine numbers stay machine numbers.
    assert (taken.downstream_id, taken.work) == (array("I", [3, 1]), array("d", [3.0, 1.0]))
    assert (list(taken.name), len(taken)) == ([miners.rows.name[3], miners.rows.name[1]], 2)
    connections = content(connection_snapshot(connection(1), connection(2, channels=[7])))
    assert isinstance(connections, ConnectionsPart)
    assert take(connections.rows, [1]).channels == [array("I", [7])]


def test_only_connections_that_mine_add_up_to_the_pools_hashrate() -> None:
    kinds = {"Translator": 1.0, "Job Declarator": 2.0, "Mint": 4.0, "Miner": 16.0, "x": 8.0}
    rows = (
        connection(id_, connection_type=kind, hashrate=rate)
        for id_, (kind, rate) in enumerate(kinds.items())
    )
    part = content(connection_snapshot(*rows))
    assert isinstance(part, ConnectionsPart)
    assert list(part.rows.hashing()) == [1.0, 2.0, 16.0]
