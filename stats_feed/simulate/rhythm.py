"""This module knows how much of its hashrate a machine keeps in the heat of the day."""

import math

DAY = 86_400.0
HOTTEST = 15 * 3600.0
"""Seconds after midnight, UTC."""

MOST, VARIATION = 0.10, 0.05
"""The part of its hashrate that a machine loses in the hottest hour of a usual day, and how much
more or less of it on a hot or cool day."""

WEATHER = 3.7 * DAY
"""Hot days come back after this time; it is no whole number of days, so no two days are alike."""


def throttle(now: float) -> float:
    """Return the factor, 1 at night and about 0.9 in the afternoon, at `now` in unix seconds."""
    hottest = MOST + VARIATION * math.sin(2 * math.pi * now / WEATHER)
    return 1.0 - hottest * (1 + math.cos(2 * math.pi * (now - HOTTEST) / DAY)) / 2
