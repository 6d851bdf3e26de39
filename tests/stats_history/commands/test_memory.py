"""Memory stays bounded however long the history is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stats_history.old_databases import snapshot_database, steady_rows

MIB = 1024
MEASURED = """
import re, sys
from pathlib import Path
from stats_history.__main__ import main
assert main(sys.argv[1:]) == 0
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
"""Not getrusage: its peak includes that of the process it was forked from."""


def peak_kib(folder: Path, rows: int) -> int:
    """The most resident memory an import of so many rows, to one file, takes."""
    miners = 20
    database = snapshot_database(folder / f"{rows}.db", steady_rows(rows // miners, miners))
    command = ["import", str(database), "--out", str(folder / f"{rows}.om")]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=True
    )
    return int(ran.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_million_samples_take_hardly_more_than_a_tenth_of_them(tmp_path: Path) -> None:
    small, large = peak_kib(tmp_path, 33_000), peak_kib(tmp_path, 330_000)
    assert large < 128 * MIB
    assert large - small < 48 * MIB  # SQLite's page cache fills up to its bound
