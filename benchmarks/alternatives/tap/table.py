"""Puts the ways between miners and a pool side by side."""

from collections.abc import Sequence

from benchmarks.alternatives.tap.measuring import TapFigures, WayFigures


def tap_table(figures: TapFigures) -> Sequence[Sequence[str]]:
    """One row for each way; the first row is the header."""
    header = (
        *("way", "p50", "p99", "added p50", "added p99", "job to all"),
        *("CPU, 1,000 miners", "memory"),
    )
    return [header, *(_row(figures, way) for way in figures.ways.values())]


def _row(figures: TapFigures, way: WayFigures) -> Sequence[str]:
    return (
        way.name,
        f"{way.passed.p50 * 1e3:.3f}",
        f"{way.passed.p99 * 1e3:.3f}",
        f"{figures.added(way.name, 'p50') * 1e3:.3f}",
        f"{figures.added(way.name, 'p99') * 1e3:.3f}",
        f"{way.broadcast * 1e3:.1f}",
        "-" if way.cpu_share is None else f"{way.cpu_share:.2%}",
        "-" if way.bytes_each is None else f"{way.bytes_each / 1024:.1f}",
    )
