"""The Makefile's help."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_help_is_the_default_and_lists_every_target_with_one_line() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    output = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^make (\w+) +\S.*$", output, re.MULTILINE)
    assert listed == phony[1].split()
    assert len(output.splitlines()) == len(listed)
