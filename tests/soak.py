"""`python -m tests.soak [--seconds N]`: the tests of hostile peers and accidents, for longer.

A quarter of the time goes to fuzzing guided by coverage, and a tenth to the tests of properties, on
random examples. Then comes a cell whose processes end in turn. The rest is rounds of dialogues,
accidents, storms and sieges of a tap, at least one round. The seed of everything is printed first,
so that a failure can be repeated with `--seed`.
"""

import argparse
import asyncio
import importlib.util
import random
import subprocess
import sys
import tempfile
import time

from tests.e2e.harness.service import Kind
from tests.fuzz.targets import TARGETS
from tests.fuzz.test_dialogues import besieged
from tests.security.test_cuts import accidents
from tests.security.test_storm import many_files, storm
from tests.stats_feed.tap.siege.siege import as_many, besiege_tap
from tests.support.programs import ROOT

FUZZED = 1 / 4
PROPERTIES = 1 / 10
LIVES = 5
SIEGE_SECONDS = 30.0
TAP_SECONDS = 10.0
HALF_OPEN = 10_000
"""Miners that write nothing, or half a line; fewer where a process may not have so many files."""

KINDS: tuple[Kind, ...] = ("proxy", "pool")


def fuzz(seconds: float, seed: int) -> None:
    """Fuzz every target. Raises CalledProcessError where one broke; its output names the file."""
    if importlib.util.find_spec("atheris") is None:
        say("fuzzing left out: atheris has no wheel for this Python or machine")
        return
    # libFuzzer takes 0 for no limit.
    each = max(1, round(seconds / len(TARGETS)))
    for target in TARGETS:
        say(f"fuzzing {target}, seed {seed}")
        corpus = ROOT / "tests" / "fuzz" / "corpus" / target
        with tempfile.TemporaryDirectory() as found:
            command = [
                *(sys.executable, "-m", "tests.fuzz", target),
                *(f"-max_total_time={each}", f"-seed={seed}"),
                *("-max_len=65536", "-verbosity=0", found, str(corpus)),
            ]
            subprocess.run(command, cwd=ROOT, check=True)


def properties(seconds: float, seed: int) -> None:
    """Test the properties, each time on other examples. Raises CalledProcessError."""
    files = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "from hypothesis import" in path.read_text()
    ]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        say(f"properties on random examples, seed {seed}")
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--no-header", "-m", "not slow"),
            *("--hypothesis-profile=random", f"--hypothesis-seed={seed}", *files),
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        seed += 1


def cell() -> None:
    """Each process of a cell ends and comes back. Raises CalledProcessError."""
    say("a cell, whose processes end in turn")
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-m", "soak"]
    subprocess.run(command, cwd=ROOT, check=True)


def round_of_all(seed: int) -> None:
    """Dialogues, accidents, a storm, and a siege. Raises AssertionError, among others."""
    for kind in KINDS:
        say(f"dialogues with stats-{kind}, seed {seed}")
        besieged(kind, seed, SIEGE_SECONDS)
    say(f"{LIVES * 10} accidents, seed {seed}")
    accidents(seed, LIVES)
    say("a storm")
    storm()
    half_open = as_many(HALF_OPEN)
    say(f"a tap with {half_open} half-open miners, seed {seed}")
    asyncio.run(besiege_tap(seed, TAP_SECONDS, half_open))


def say(what: str) -> None:
    """Tell whoever waits."""
    print(what, flush=True)  # noqa: T201 - a program for a terminal


def main() -> int:
    """Run until the time is over; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="in all (default 600)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    seed = arguments.seed
    say(f"seed {seed}")
    fuzz(arguments.seconds * FUZZED, seed)
    properties(arguments.seconds * PROPERTIES, seed)
    cell()
    with many_files():
        round_of_all(seed)
        while time.monotonic() < end:
            seed += 1
            round_of_all(seed)
    say("nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
