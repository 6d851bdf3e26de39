"""Writes numbers as people read them; `units.js` writes the numbers of rows the same way."""

from datetime import UTC, datetime
from itertools import pairwise

UNKNOWN = "\N{EN DASH}"
"""Stands for a value that is not known, which is never shown as 0."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")
_NEXT_PREFIX = 999.5
"""From here on, rounding would show four digits."""
_SMALLEST = 0.01
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def hashrate_text(hashrate: float | None) -> str:
    """Three significant digits with the prefix that fits: 1.5e14 is `150 TH/s`."""
    if hashrate is None:
        return UNKNOWN
    scaled, prefixes = float(hashrate), list(_PREFIXES)
    while scaled >= _NEXT_PREFIX and len(prefixes) > 1:
        scaled /= 1000
        prefixes.pop(0)
    if scaled >= _NEXT_PREFIX:
        return f"{hashrate:.2e} H/s"
    if 0 < scaled < _SMALLEST:
        return f"< {_SMALLEST} H/s"
    digits = 0 if scaled == 0 or scaled >= 100 else 1 if scaled >= 10 else 2
    return f"{scaled:.{digits}f} {prefixes[0]}H/s"


def count_text(count: int | None) -> str:
    """The count with a comma between thousands."""
    return UNKNOWN if count is None else f"{count:,}"


def share_text(share: float) -> str:
    """A part of a whole in percent: 0.0142 is `1.42 %`."""
    return f"{share * 100:.2f} %"


def duration_text(seconds: float) -> str:
    """The two largest units: 3725 is `1 h 2 min`. Never negative: clocks of peers may differ."""
    whole = max(0, int(seconds))
    for (large, name), (small, small_name) in pairwise(_UNITS):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def time_text(unix: float) -> str:
    """The time as in `2024-11-01 19:22:00 UTC`."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M:%S} UTC"
