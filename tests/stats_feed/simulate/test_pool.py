from collections import Counter
from dataclasses import replace

import pytest

from stats_feed.simulate.fleet import UPSTREAM_FIRST_LOST_AFTER
from stats_feed.simulate.run import World
from stats_gateway.sender import HASHES_PER_DIFFICULTY, ConnectionInfo
from tests.stats_feed.simulate.worlds import CALM, FIELD, T0, known, started


def connections_at(world: World, seconds: float) -> list[ConnectionInfo]:
    world.agenda.run_until(T0 + seconds)
    return world.connections.snapshot(T0 + seconds)["connections"]


def named(rows: list[ConnectionInfo], name: str) -> ConnectionInfo | None:
    return next((row for row in rows if row["name"] == name), None)


def test_a_calm_pool_has_every_kind_of_connection() -> None:
    rows = connections_at(started(replace(CALM, translators=4)), 3600)
    assert Counter(row["connection_type"] for row in rows) == {
        "Translator": 4,
        "Mint": 1,
        "Job Declarator": 1,
    }
    for row in rows:
        is_mint = row["connection_type"] == "Mint"
        assert (row["hashrate"] == 0.0) == is_mint
        assert len(row["channels"]) == (0 if is_mint else 1)
        assert row["work_selection"] == (row["connection_type"] == "Job Declarator")


def test_without_translators_there_are_a_mint_and_a_job_declarator() -> None:
    rows = connections_at(started(replace(CALM, translators=0)), 60)
    assert {row["connection_type"] for row in rows} == {"Mint", "Job Declarator"}


def test_the_pool_measures_our_translator_as_the_translator_measures_its_miners() -> None:
    world = started(replace(CALM, churn=0.2))
    hours = 6.0
    row = named(connections_at(world, hours * 3600), "translator-1")
    assert row is not None
    at_the_pool = known(row["work"]) * HASHES_PER_DIFFICULTY / (hours * 3600)
    # About 10,800 shares: a standard error of 1 %; the fleet changes a little with its churn.
    assert at_the_pool == pytest.approx(world.fleet.hashrate, rel=0.25)
    calm = started(CALM)
    row = named(connections_at(calm, hours * 3600), "translator-1")
    assert row is not None
    at_the_pool = known(row["work"]) * HASHES_PER_DIFFICULTY / (hours * 3600)
    assert at_the_pool == pytest.approx(calm.fleet.hashrate, rel=0.05)


def test_a_mint_only_counts_quotes_and_what_was_mined() -> None:
    rows = connections_at(started(CALM), 3600)
    mint = named(rows, "mint")
    assert mint is not None
    assert 180 < (mint["quotes_created"] or 0) < 310
    assert (mint["ehash_mined"] or 0) > 0
    assert all(row["quotes_created"] is None for row in rows if row is not mint)


def test_our_translator_leaves_the_pool_while_its_upstream_is_lost() -> None:
    world = started(FIELD)
    before = named(connections_at(world, UPSTREAM_FIRST_LOST_AFTER - 5), "translator-1")
    assert before is not None
    assert named(connections_at(world, UPSTREAM_FIRST_LOST_AFTER + 5), "translator-1") is None
    after = named(connections_at(world, UPSTREAM_FIRST_LOST_AFTER + 60), "translator-1")
    assert after is not None
    assert after["downstream_id"] > before["downstream_id"]


def test_in_the_field_every_other_connection_comes_and_goes() -> None:
    world = started(FIELD)
    counts: dict[str, set[bool]] = {}
    channels: set[int] = set()
    names = ("mint", "job-declarator-1", "translator-2", "translator-3")
    for step in range(1, 2000):
        rows = connections_at(world, step * 10.0)
        for name in names:
            counts.setdefault(name, set()).add(named(rows, name) is not None)
        channels |= {len(row["channels"]) for row in rows}
    assert counts == {name: {True, False} for name in names}
    assert channels == {0, 1, 2}
