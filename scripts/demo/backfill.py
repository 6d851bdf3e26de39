"""A simulated week for Prometheus before it starts, by the way that stats-history imports one."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.exposition.families import pool, proxy
from scripts.demo.past import STEP, Past
from scripts.demo.scrapes import Scrapes
from stats_feed.simulate.options import SimulateOptions
from stats_feed.simulate.run import World
from stats_gateway.rows.rows import ConnectionRows, MinerRows
from stats_gateway.sender import ConnectionSnapshot, MinerSnapshot
from stats_gateway.wire.services import Service
from stats_history.recording.recorder import Recorder
from stats_history.recording.rules import Rule
from stats_history.writing.blocks import make_blocks
from stats_history.writing.openmetrics import Exposition
from stats_history.writing.programs import find_program
from stats_history.writing.slices import WIDTHS, Slice

NEAR_STEP, NEAR_OFFSET = 15, 7
"""Seconds between two snapshots since the live fleet began, and to the first one: what happens
every few minutes happens between two of them, and not at the very moment of one."""

COARSE = 300
"""How often the rules are evaluated over the week: as often as Prometheus does takes a minute."""

RULE_BLOCK = 162 * 3600
"""promtool's next width below a week: it reads a text once for each block, and starts each time."""

LEFT_OUT = frozenset(
    {
        "stratum_proxy_miner_connected_timestamp_seconds",
        "stratum_proxy_miner_difficulty",
        "stratum_proxy_miner_last_share_timestamp_seconds",
        "stratum_pool_connection_channels",
        "stats_gateway_downstreams_hidden",
        "stats_gateway_source_interval_seconds",
    }
)
"""What no graph over days shows: a third of the samples of the week."""

RULES_SHARE = 1.0
"""The time that the rules take, for each sample that is imported, in parts of the import's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What to import: the past of the fleet that `options` and `seed` describe.

    `proxy` and `pool` are the instances, as Prometheus will name the live ones.
    """

    options: SimulateOptions
    seed: int
    began: int
    days: int
    proxy: str
    pool: str
    rules: Path

    def write(self, folder: Path, now: int, done: Callable[[float], None]) -> None:
        """Put the week's blocks into `folder`/data; `done` hears of the part of it that is done."""
        data, staging = folder / "data", folder / "staging"
        data.mkdir(parents=True)
        staging.mkdir()
        whole = 1.0 + RULES_SHARE
        slices: list[Slice] = []
        for piece in self._import(data, staging, now):
            slices.append(piece)
            done((piece.end - slices[0].start) / (now - slices[0].start) / whole)
        self._record(data, staging, slices, lambda part: done((1.0 + RULES_SHARE * part) / whole))
        shutil.rmtree(staging)

    def _record(
        self, data: Path, staging: Path, slices: Sequence[Slice], done: Callable[[float], None]
    ) -> None:
        """Evaluate the rules over what was imported: over the week at once, and since then."""
        promtool = find_program("promtool")
        recorder = Recorder(
            data, staging, promtool, {}, [self.rules], every=self._every, block_seconds=RULE_BLOCK
        )
        week = Slice(slices[0].start, self.began, sum(piece.rows for piece in slices[:-1]))
        rows = week.rows + slices[-1].rows
        recorded = 0

        def count(more: int) -> None:
            nonlocal recorded
            recorded += more
            done(recorded / rows)

        recorder.record([week, slices[-1]], count)
        for block in recorder.blocks:
            block.rename(data / block.name)

    def _every(self, rule: Rule, piece: Slice) -> int:
        return max(rule.interval, COARSE) if piece.end <= self.began else rule.interval

    def _import(self, data: Path, staging: Path, now: int) -> Iterator[Slice]:
        """Import what was before the live fleet began, in blocks, then what was since."""
        miners = Scrapes(
            *(Service.PROXY, proxy.LAYOUT, self.options.proxy_source),
            job="stats-proxy",
            instance=self.proxy,
        )
        connections = Scrapes(
            *(Service.POOL, pool.LAYOUT, self.options.pool_source),
            job="stats-pool",
            instance=self.pool,
        )
        width, start, end = WIDTHS[0], None, 0
        for at, of_miners, of_connections in self._snapshots(now):
            edge = start is not None and (at // width != start // width or start < self.began < at)
            if start is not None and edge:
                yield self._make_blocks(data, staging, (miners, connections), start, at)
                start = None
            start = at if start is None else start
            without = LEFT_OUT if at < self.began else ()
            miners.scrape(of_miners, at, without)
            connections.scrape(of_connections, at, without)
            end = at + 1
        if start is not None:
            yield self._make_blocks(data, staging, (miners, connections), start, end)

    def _snapshots(self, now: int) -> Iterator[tuple[int, MinerSnapshot, ConnectionSnapshot]]:
        world = World(self.options, self.seed)
        world.start(self.began)
        yield from Past(world, self.began, self.seed, self.days).snapshots()
        for at in range(self.began + NEAR_OFFSET, now, NEAR_STEP):
            world.agenda.run_until(at)
            yield at, world.miners.snapshot(at), world.connections.snapshot(at)

    def _make_blocks(
        self,
        data: Path,
        staging: Path,
        scrapes: tuple[Scrapes[MinerRows], Scrapes[ConnectionRows]],
        start: int,
        end: int,
    ) -> Slice:
        text = staging / f"{start}.om"
        with Exposition(staging) as out:
            scrapes[0].write(out)
            scrapes[1].write(out)
            out.finish(text)
        for block in make_blocks(find_program("promtool"), text, staging, out.samples):
            block.rename(data / block.name)
        text.unlink()
        return Slice(start, end, out.samples)


def beginning(now: int, ago: int) -> int:
    """When the live fleet began: `ago` seconds before `now`, or just before that."""
    width = max(STEP, COARSE)
    return (now - ago) // width * width
