from collections import Counter
from dataclasses import replace

import pytest

from stats_feed.simulate.fleet import GHOSTS, UPSTREAM_FIRST_LOST_AFTER
from stats_feed.simulate.options import SimulateOptions
from stats_feed.simulate.run import World
from stats_feed.simulate.shares import REJECTED
from stats_gateway.sender import HASHES_PER_DIFFICULTY, MinerInfo
from tests.stats_feed.simulate.worlds import CALM, FIELD, T0, known, started

HOUR = 3600.0
DAY = 24 * HOUR


def miners_at(world: World, seconds: float) -> list[MinerInfo]:
    world.agenda.run_until(T0 + seconds)
    return world.miners.snapshot(T0 + seconds)["miners"]


def test_a_seed_repeats_a_run_exactly() -> None:
    first, second = started(FIELD, seed=7), started(FIELD, seed=7)
    for seconds in (1, 60, 299, 320, 900):
        assert miners_at(first, seconds) == miners_at(second, seconds)
        assert first.connections.snapshot(T0 + seconds) == second.connections.snapshot(T0 + seconds)


def test_how_often_it_is_looked_at_does_not_change_what_happens() -> None:
    often, once = started(FIELD, seed=7), started(FIELD, seed=7)
    for seconds in range(600):
        often.agenda.run_until(T0 + seconds)
    assert miners_at(often, 600) == miners_at(once, 600)


def test_another_seed_is_another_run() -> None:
    assert miners_at(started(CALM, seed=1), 60) != miners_at(started(CALM, seed=2), 60)


def test_the_work_done_is_the_nominal_hashrate_within_its_poisson_error() -> None:
    world = started(CALM)
    hours = 6.0
    rows = miners_at(world, hours * 3600)
    measured = sum(known(row["work"]) for row in rows) * HASHES_PER_DIFFICULTY / (hours * 3600)
    # About 43,000 shares of unequal size: a standard error of less than 1 %.
    assert measured == pytest.approx(world.fleet.hashrate * (1 - REJECTED), rel=0.03)


def test_the_windowed_hashrate_scatters_about_the_nominal_one_without_a_bias() -> None:
    world = started(CALM)
    ratios = []
    for step in range(2, 40):
        total = sum(known(row["hashrate"]) for row in miners_at(world, step * 300.0))
        ratios.append(total / world.fleet.hashrate)
    # 20 miners, about 30 shares each in the window: a standard error of about 5 % each time.
    assert sum(ratios) / len(ratios) == pytest.approx(1 - REJECTED, abs=0.03)
    assert 0.01 < max(abs(ratio - 1) for ratio in ratios) < 0.25


@pytest.mark.parametrize("shares_per_minute", [2.0, 6.0, 20.0])
def test_vardiff_keeps_every_miner_near_the_share_rate_asked_for(
    shares_per_minute: float,
) -> None:
    world = started(replace(CALM, shares_per_minute=shares_per_minute))
    for row in miners_at(world, 3600 * 4):
        rate = known(row["shares_submitted"]) / (60 * 4)
        assert 0.6 * shares_per_minute < rate < 1.6 * shares_per_minute


def test_a_small_part_of_the_shares_is_rejected() -> None:
    rows = miners_at(started(CALM), 3600 * 4)
    rejected = sum(known(row["shares_rejected"]) for row in rows)
    submitted = sum(known(row["shares_submitted"]) for row in rows)
    assert rejected / (submitted + rejected) == pytest.approx(REJECTED, rel=0.3)


def test_a_calm_fleet_keeps_its_miners_and_every_one_of_them_works() -> None:
    world = started(CALM)
    before = [(row["downstream_id"], row["name"]) for row in miners_at(world, 10)]
    after = miners_at(world, 3600 * 3)
    assert [(row["downstream_id"], row["name"]) for row in after] == before
    assert len({name for _, name in before}) == len(before)
    assert all(known(row["hashrate"]) > 0 for row in after)


def test_churn_replaces_miners_at_the_rate_asked_for() -> None:
    world = started(replace(CALM, churn=1.0))
    ids: set[int] = set()
    for minute in range(1, 121):
        rows = miners_at(world, minute * 60.0)
        assert 15 <= len(rows) <= 20
        ids |= {row["downstream_id"] for row in rows}
    assert 120 - 45 < len(ids) - 20 < 120 + 45  # four standard deviations


def test_in_the_field_two_machines_have_one_name() -> None:
    names = Counter(row["name"] for row in miners_at(started(FIELD), 30))
    assert sorted(names.values())[-2:] == [1, 2]


def test_in_the_field_one_miner_stalls_and_stays_connected() -> None:
    world = started(FIELD)
    stalled = miners_at(world, 200)[0]
    later = miners_at(world, 299)[0]
    assert (later["downstream_id"], later["shares_submitted"]) == (
        stalled["downstream_id"],
        stalled["shares_submitted"],
    )


def test_in_the_field_one_miner_comes_back_under_new_ids() -> None:
    world = started(FIELD)
    ids = {row["name"]: row["downstream_id"] for row in miners_at(world, 170)}
    after = {row["name"]: row["downstream_id"] for row in miners_at(world, 185)}
    assert ids.keys() == after.keys()
    assert sum(ids[name] != after[name] for name in ids) == 1


def test_losing_the_upstream_leaves_ghosts_beside_the_miners_that_came_back() -> None:
    world = started(FIELD)
    before = {row["downstream_id"]: row for row in miners_at(world, 299)}
    lost = miners_at(world, UPSTREAM_FIRST_LOST_AFTER + 10)
    assert len(lost) == GHOSTS
    assert world.miners.snapshot(T0 + 310)["upstream"]["connected"] is False
    back = miners_at(world, 700)
    assert len(back) == 20 + GHOSTS
    ghosts = [row for row in back if row["downstream_id"] in before]
    assert len(ghosts) == GHOSTS
    names = Counter(row["name"] for row in back)
    for ghost in ghosts:
        earlier = before[ghost["downstream_id"]]
        assert ghost["hashrate"] == 0.0
        assert ghost["connected_at"] == earlier["connected_at"]
        assert known(ghost["shares_submitted"]) - known(earlier["shares_submitted"]) <= 2
        assert names[ghost["name"]] >= 2


@pytest.mark.slow
def test_days_in_the_field_do_not_pile_up_rows_or_lose_miners() -> None:
    world = started(replace(FIELD, churn=2.0, miners=6))
    for hour in range(1, 49):
        rows = miners_at(world, hour * 3600 - 60.0)
        assert 6 <= len(rows) + 1 <= 7 + GHOSTS
    assert world.miners.unknown_downstreams == 0
    assert world.connections.unknown_downstreams == 0
    assert len(world.agenda._events) < 200  # noqa: SLF001 - that nothing piles up is the rule


def test_the_wallet_grows_by_its_quotes() -> None:
    world = started(CALM)
    miners_at(world, 3600)
    wallet = world.miners.snapshot(T0 + 3600)["wallet"]
    assert 80 < wallet["quotes_created"] < 160
    assert wallet["balance"] == wallet["quotes_amount"] > 0


def test_in_the_field_machines_do_less_in_the_heat_of_the_afternoon() -> None:
    night, afternoon = DAY - T0 % DAY + 3 * HOUR, DAY - T0 % DAY + 15 * HOUR
    world = started(FIELD)
    hashrates = []
    for seconds in (night, afternoon):
        world.agenda.run_until(T0 + seconds)
        hashrates.append(world.fleet.hashrate)
    assert 0.8 < hashrates[1] / hashrates[0] < 0.97


def test_rejects_have_reasons_of_which_most_are_stale() -> None:
    totals = started_and_run(CALM, 3600 * 8).miners.snapshot(T0 + 3600 * 8)["totals"]
    by_reason = totals["shares_rejected_by"]
    assert sum(by_reason.values()) == totals["shares_rejected"]
    assert by_reason["stale"] > by_reason["duplicate"] > 0


def test_an_unplugged_miner_is_gone_for_good_and_has_no_other_trouble() -> None:
    world = started(FIELD)
    before = {row["name"] for row in miners_at(world, 290)}
    name = world.fleet.unplug()
    assert name in before
    assert {row["name"] for row in miners_at(world, 291)} == before - {name}
    assert name not in {row["name"] for row in miners_at(world, 3600)}
    while world.fleet.unplug():
        pass
    assert {row["name"] for row in miners_at(world, 3601)} != set()


def test_a_stopped_translator_has_no_miners_until_it_is_started_again() -> None:
    world = started(FIELD)
    before = {row["name"] for row in miners_at(world, 200)}
    world.fleet.stop()
    # The upstream would be lost and come back within this time.
    assert miners_at(world, 900) == []
    assert "translator-1" not in connections(world, 900)
    world.fleet.resume(T0 + 900)
    assert {row["name"] for row in miners_at(world, 960)} == before
    assert "translator-1" in connections(world, 960)


def connections(world: World, seconds: float) -> set[str | None]:
    return {row["name"] for row in world.connections.snapshot(T0 + seconds)["connections"]}


def started_and_run(options: SimulateOptions, seconds: float) -> World:
    world = started(options)
    world.agenda.run_until(T0 + seconds)
    return world
