"""`make bench`: what a cycle costs, beside the alternatives and against the bounds."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import msgspec

from benchmarks.bounds import Bound, bounds
from benchmarks.measure import measure
from benchmarks.plan import DEFAULT, QUICK, Plan
from benchmarks.report import report
from benchmarks.results import Results

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them as JSON; always 0, for a busy machine fails bounds."""
    results = measure(_plan(argv), lambda what: _say(f"Measuring {what} ...", sys.stderr))
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


def _plan(argv: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under 40 s")
    parser.add_argument("--sources", type=int, metavar="N", help="also several sources at once ...")
    parser.add_argument("--miners", type=int, metavar="N", help="... with N miners over all")
    options = parser.parse_args(argv)
    if (options.sources is None) != (options.miners is None):
        parser.error("--sources and --miners go together, as in --sources 10 --miners 1000000")
    plan = QUICK if options.quick else DEFAULT
    if options.sources is None:
        return plan
    return replace(plan, fleet_sources=options.sources, fleet_miners=options.miners)


def _say(text: str, stream: TextIO = sys.stdout) -> None:
    print(text, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
