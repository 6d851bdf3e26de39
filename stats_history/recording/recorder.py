"""This module makes blocks of the series that recording rules would have made of an import."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path

from stats_history.converting.families import Family
from stats_history.errors import HistoryError
from stats_history.recording.rules import Rule, levels, recording_rules
from stats_history.recording.server import Server, serving
from stats_history.writing.blocks import make_blocks
from stats_history.writing.openmetrics import Exposition, label_value, labels_text
from stats_history.writing.slices import WIDTHS, Slice

LOOK_BACK_SECONDS = 2 * 86_400
"""How far before the first slice blocks are read: the rules' longest average is over a day."""


class Recorder:
    """Evaluates the rules over slices of time, in a staging folder.

    Rules build on other rules, so they are evaluated in steps, each over all slices. Prometheus
    notices new blocks at its start, so it is started again for each step.
    """

    def __init__(
        self,
        data: Path,
        staging: Path,
        promtool: str,
        labels: dict[str, str],
        rules: Sequence[Path],
        *,
        every: Callable[[Rule, Slice], int] = lambda rule, _: rule.interval,
        block_seconds: int = WIDTHS[0],
    ) -> None:
        """Only series with all of `labels` are recorded: others have records of their own.

        `every` tells the seconds between two evaluations of a rule within a slice, and
        `block_seconds` how much time a block may span.
        """
        self.samples = 0
        self.blocks: list[Path] = []
        self._data = data
        self._staging = staging
        self._promtool = promtool
        self._labels = {name: label_value(value) for name, value in labels.items()}.items()
        self._rules = rules
        self._every = every
        self._block_seconds = block_seconds

    def record(self, slices: Sequence[Slice], done: Callable[[int], None]) -> None:
        """Add the blocks of every slice to `blocks`; `done` hears of the rows of each slice."""
        bench = self._staging / "bench"
        (bench / "data").mkdir(parents=True)
        for block in _blocks_between(
            self._data, slices[0].start - LOOK_BACK_SECONDS, slices[-1].end
        ):
            _link(block, bench)
        with serving(bench, self._rules) as server:
            steps = levels(recording_rules(server.rule_groups()))
        if not steps:
            raise HistoryError(
                f"there are no recording rules in {', '.join(map(str, self._rules))}"
            )
        for number, step in enumerate(steps):
            fresh: list[Path] = []
            with serving(bench) as server:
                for piece in slices:
                    fresh += self._record_slice(server, step, piece, f"{number}-{piece.start}")
                    done(piece.rows // len(steps))
            for block in fresh:
                _link(block, bench)
            self.blocks += fresh

    def _record_slice(
        self, server: Server, step: Sequence[Rule], piece: Slice, name: str
    ) -> list[Path]:
        text = self._staging / f"rules-{name}.om"
        with Exposition(self._staging) as out:
            for rule in step:
                self._record_rule(server, rule, piece, out)
            if not out.samples:
                return []
            out.finish(text)
        self.samples += out.samples
        made = make_blocks(self._promtool, text, self._staging, out.samples, self._block_seconds)
        text.unlink()
        return made

    def _record_rule(self, server: Server, rule: Rule, piece: Slice, out: Exposition) -> None:
        # Prometheus evaluates a rule at multiples of its interval, whenever it was started.
        interval = self._every(rule, piece)
        first = -(-piece.start // interval) * interval
        if first >= piece.end:
            return
        family = Family(rule.record, "unknown", "Made by a recording rule.")
        for series in server.range(rule.query, first, piece.end, interval):
            labels = {**series["metric"], **rule.labels}
            labels.pop("__name__", None)
            if self._labels <= labels.items():
                samples = [(int(at), float(value)) for at, value in series["values"]]
                out.write(family, labels_text(labels), [s for s in samples if not isnan(s[1])])


def _blocks_between(data: Path, start: int, end: int) -> list[Path]:
    found = []
    for meta in data.glob("*/meta.json"):
        told = json.loads(meta.read_text("utf-8"))
        if told["maxTime"] > start * 1000 and told["minTime"] < end * 1000:
            found.append(meta.parent)
    return found


def _link(block: Path, bench: Path) -> None:
    """Put a block beside the others of the bench without copying its bytes."""
    shutil.copytree(block, bench / "data" / block.name, copy_function=os.link)
