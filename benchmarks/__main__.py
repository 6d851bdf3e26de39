"""`make bench` measures what a cycle costs, beside the alternatives and against the bounds."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from benchmarks.bounds import Bound, bounds
from benchmarks.measure import Part, Results, measure
from benchmarks.plan import DEFAULT, QUICK
from benchmarks.report import report

SCALE = (Part.FLEET, Part.SCALE)
"""What needs tens of minutes, or tens of gigabytes."""

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them as JSON; always 0, for a busy machine fails bounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure small sizes, about a minute")
    parser.add_argument(
        "--only",
        action="append",
        choices=[part.value for part in Part],
        help="measure only this part; may be given several times",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="measure only what shows how far one machine goes: "
        + ", ".join(part.value for part in SCALE),
    )
    options = parser.parse_args(argv)
    plan = QUICK if options.quick else DEFAULT
    usual = [part for part in Part if part is not Part.SCALE]
    parts = [Part(name) for name in options.only or (SCALE if options.scale else usual)]
    results = measure(plan, lambda what: _say(f"Measuring {what} ...", sys.stderr), parts)
    held = bounds(results)
    for text in report(results, held):
        _say(text)
    write(results, held, RESULTS)
    _say(f"{RESULTS}")
    return 0


def write(results: Results, held: Sequence[Bound], path: Path) -> None:
    """Everything measured, and each bound with whether it holds."""
    verdicts = [{**msgspec.to_builtins(bound), "holds": bound.holds} for bound in held]
    document = msgspec.json.encode({"results": results, "bounds": verdicts})
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(document, indent=1))


def _say(text: str, stream: TextIO = sys.stdout) -> None:
    print(text, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
