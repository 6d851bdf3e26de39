"""Worlds for tests, and their time."""

from dataclasses import replace
from typing import TypeVar

from stats_feed.flags import CommonOptions
from stats_feed.simulate.options import SimulateOptions
from stats_feed.simulate.run import World

Number = TypeVar("Number", int, float)

T0 = 1_730_488_800.0

CALM = SimulateOptions(
    common=CommonOptions(
        token=None,
        interval=10.0,
        health=None,
        log_level="info",
        log_format="logfmt",
        check=False,
    ),
    proxy=(),
    pool=(),
    proxy_source="translator-1",
    pool_source="pool-1",
    miners=20,
    translators=3,
    shares_per_minute=6.0,
    churn=0.0,
    troubled=False,
    seed=None,
    duration=None,
    began=None,
    commands=False,
)
FIELD = replace(CALM, troubled=True)


def started(options: SimulateOptions, seed: int = 1) -> World:
    world = World(options, seed)
    world.start(T0)
    return world


def known(value: Number | None) -> Number:
    """The value of a row, which a simulated fleet always knows."""
    assert value is not None
    return value
