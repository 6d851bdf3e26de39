"""Programs that tests run for real: from the PATH, else from what `make test` fetched."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(name: str) -> str:
    """The path of `name`; in CI a missing program fails the test, elsewhere it is skipped."""
    found = shutil.which(name) or shutil.which(name, path=str(ROOT / ".tools" / "bin"))
    if found is None:
        command = f"scripts/tools.sh {name}"  # it fetches it, or says how to install it
        if os.environ.get("CI"):
            pytest.fail(f"{name} is neither on the PATH nor in .tools/bin: run '{command}'")
        pytest.skip(f"needs {name}: run '{command}'")
    return found
