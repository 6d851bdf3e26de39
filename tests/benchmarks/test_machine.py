from benchmarks.common.machine import ProcessorTime, Watch

BEFORE = "cpu  100 0 50 900 10 0 0 10 0 0\ncpu0 100 0 50 900 10 0 0 10 0 0\n"
AFTER = "cpu  150 10 60 1900 20 1 4 35 0 0\ncpu0 150 10 60 1900 20 1 4 35 0 0\n"


def test_what_was_stolen_is_a_share_of_what_was_wanted() -> None:
    before, after = ProcessorTime.read(BEFORE), ProcessorTime.read(AFTER)
    assert after.stolen_since(before) == 25 / (50 + 10 + 10 + 1 + 4 + 25)
    assert before.stolen_since(before) == 0.0


def test_of_this_machine_there_is_something() -> None:
    machine = Watch().machine()
    assert machine.cores > 0
    assert machine.processor
    assert 0.0 <= machine.stolen <= 1.0
