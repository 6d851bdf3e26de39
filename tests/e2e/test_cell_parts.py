"""A cell of real programs goes on while any one of its processes is dead."""

from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from tests.e2e.harness.cell import HALVES, MINERS, Cell, running_cell
from tests.e2e.harness.totals import BACK_SECONDS, ROWS, SMALL, TRUTH, filled
from tests.support.until import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

COUNTED = "proxy / Miners now (stat) / A"
DECLARED = "pool / Hashrate (stat) / A"
PORTS = {"stats-proxy": 8084, "stats-pool": 9084, "prometheus": 9090, "alertmanager": 9093}


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    with running_cell(tmp_path_factory.mktemp("cell")) as running:
        yield running


def shows_all(cell: Cell, half: str) -> bool:
    """Whether the boards of a half have every miner once, and the pool's hashrate."""
    prometheus = cell.prometheus(half)
    rows, counted = prometheus.now(filled(ROWS)), prometheus.now(filled(COUNTED))
    shown, truth = (prometheus.now(filled(DECLARED, *job)) for job in ((), (TRUTH,)))
    return (
        len(rows) == MINERS
        and [sample.value for sample in counted] == [MINERS]
        and [sample.value for sample in shown]
        == [pytest.approx(sample.value, rel=SMALL) for sample in truth]
        != []
    )


def all_show(cell: Cell, halves: Sequence[str]) -> bool:
    return all(shows_all(cell, half) for half in halves)


def is_missed(cell: Cell, halves: Sequence[str], instance: str) -> bool:
    """Whether the Prometheus of every one of these halves has seen that an instance is down.

    One that has just started knows no targets for some seconds.
    """
    return not any(cell.targets_up(half).get(instance, True) for half in halves)


@pytest.mark.parametrize("kind", PORTS)
@pytest.mark.parametrize("half", HALVES)
def test_while_a_process_is_dead_boards_show_every_miner_once(
    cell: Cell, kind: str, half: str
) -> None:
    name = f"{kind}-{half}"
    others = [one for one in HALVES if name != f"prometheus-{one}"]
    until(partial(all_show, cell, others), BACK_SECONDS, f"all miners before {name} ends")
    cell.parts[name].kill()
    try:
        instance = f"{name}:{PORTS[kind]}"
        until(partial(is_missed, cell, others, instance), BACK_SECONDS, f"{name} is missed")
        until(partial(all_show, cell, others), BACK_SECONDS, f"all miners without {name}")
    finally:
        cell.parts[name].start()
        cell.parts[name].wait()
