"""scripts/python.sh: which Python makes the environment."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "python.sh"


def command(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def python_without_ensurepip(folder: Path) -> None:
    """Put python3.12 there as Debian has it before python3-venv is installed."""
    body = f'case "$2" in *ensurepip*) exit 1;; esac; echo {folder}/python3.12'
    command(folder, "python3.12", body)


def choose(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script where nothing but `folder`'s commands and bash can be found."""
    (folder / "bash").symlink_to("/bin/bash")
    return subprocess.run(
        [str(SCRIPT)], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_a_python_that_is_found_but_does_not_run_is_passed_over(tmp_path: Path) -> None:
    command(tmp_path, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    command(tmp_path, "python3", f'exec {sys.executable} "$@"')
    result = choose(tmp_path)
    assert Path(result.stdout.strip()).samefile(sys.executable)
    assert not result.stderr


def test_an_old_python_is_passed_over_and_the_error_names_the_mend(tmp_path: Path) -> None:
    command(tmp_path, "python3", "exit 0")  # an old one prints nothing when asked for its path
    result = choose(tmp_path)
    assert result.returncode == 1
    assert not result.stdout
    assert len(result.stderr.splitlines()) == 1
    assert "apt-get install python3" in result.stderr


def test_one_that_can_make_environments_is_preferred(tmp_path: Path) -> None:
    python_without_ensurepip(tmp_path)
    command(tmp_path, "python3", f'case "$2" in *version_info*) echo {tmp_path}/python3;; esac')
    assert choose(tmp_path).stdout.strip() == f"{tmp_path}/python3"


def test_one_that_cannot_is_better_than_none(tmp_path: Path) -> None:
    python_without_ensurepip(tmp_path)
    assert choose(tmp_path).stdout.strip() == f"{tmp_path}/python3.12"
