"""`python -m tests.fuzz TARGET [OPTIONS OF LIBFUZZER] [FOLDERS]`: coverage-guided fuzzing.

New inputs that reach new code are written to the first folder; what breaks is written to the
current one, as crash-...; a good one of either belongs in `corpus/`.
"""

import sys

import atheris

with atheris.instrument_imports(include=["stats_gateway", "exporters", "stats_feed.tap"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until something breaks, or until the options say so."""
    _, target, *options = sys.argv
    atheris.Setup([target, *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
