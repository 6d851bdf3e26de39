"""`python -m tests.soak [--seconds N]`: the tests of hostile peers and accidents, for longer.

Fuzzing takes a third of the time; the rest is accidents and storms, each time with another seed,
which is printed first, so that what fails can be repeated.
"""

import argparse
import importlib.util
import random
import subprocess
import sys
import tempfile
import time

from tests.fuzz.targets import TARGETS
from tests.security.test_cuts import accidents
from tests.security.test_storm import many_files, storm
from tests.support.programs import ROOT

LIVES = 5


def fuzz(target: str, seconds: float, seed: int) -> None:
    """Fuzz one target. Raises CalledProcessError where something broke; it says which file."""
    corpus = ROOT / "tests" / "fuzz" / "corpus" / target
    with tempfile.TemporaryDirectory() as found:
        command = [
            *(sys.executable, "-m", "tests.fuzz", target, f"-max_total_time={seconds:.0f}"),
            *(f"-seed={seed}", "-max_len=65536", "-verbosity=0", found, str(corpus)),
        ]
        subprocess.run(command, cwd=ROOT, check=True)


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
    if importlib.util.find_spec("atheris") is None:
        say("fuzzing left out: atheris has no wheel for this Python or machine")
    else:
        for target in TARGETS:
            say(f"fuzzing {target}, seed {arguments.seed}")
            fuzz(target, arguments.seconds / 3 / len(TARGETS), arguments.seed)
    seed = arguments.seed
    while time.monotonic() < end:
        say(f"{LIVES * 10} accidents, seed {seed}")
        accidents(seed, LIVES)
        say("a storm")
        with many_files():
            storm()
        seed += 1
    say("nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
