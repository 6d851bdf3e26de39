from stats_feed.simulate.agenda import Agenda


def test_events_happen_in_order_of_time_and_are_told_it() -> None:
    agenda = Agenda()
    seen: list[float] = []
    for time in (3.0, 1.0, 2.0):
        agenda.at(time, seen.append)
    agenda.run_until(2.0)
    assert seen == [1.0, 2.0]
    agenda.run_until(9.0)
    assert seen == [1.0, 2.0, 3.0]


def test_events_of_one_time_happen_in_the_order_they_were_noted() -> None:
    agenda = Agenda()
    seen: list[str] = []
    for name in "abc":
        agenda.at(1.0, lambda _, name=name: seen.append(name))  # type: ignore[misc]  # the default binds it
    agenda.run_until(1.0)
    assert seen == ["a", "b", "c"]


def test_what_an_event_notes_for_the_same_run_happens_in_it() -> None:
    agenda = Agenda()
    seen: list[float] = []
    agenda.repeat(0.0, lambda: 1.0, seen.append)
    agenda.run_until(3.5)
    assert seen == [1.0, 2.0, 3.0]
