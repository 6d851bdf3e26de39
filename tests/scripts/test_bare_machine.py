"""scripts/bare-machine.sh, where it may not do its work."""

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bare-machine.sh"


def test_where_it_may_not_run_it_says_why_in_one_line_and_ends_well(tmp_path: Path) -> None:
    # Whoever runs this: not root, or root without the right to make namespaces.
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\nexit 1\n")
    unshare.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    result = subprocess.run(
        [SCRIPT, "trixie"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("Not tried on a fresh machine (trixie): ")
