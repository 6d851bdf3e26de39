"""A machine with a systemd that runs: this machine's own programs, in namespaces of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.programs import ROOT
from tests.support.until import until

SYSTEMD = "/lib/systemd/systemd"
PYTHON = "/usr/bin/python3"
"""What `make install` takes: a Python outside of home folders."""
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
NOT_SOURCES = shutil.ignore_patterns(
    ".*_cache", ".venv", ".tools", ".git", ".demo", "__pycache__", "results"
)
COMMAND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Machine:
    """The running machine; `pid` is its systemd."""

    pid: int

    def run(self, commands: str) -> str:
        """What shell commands print that run in the checkout; fails where one of them fails."""
        ran = self.try_to_run(commands)
        if ran.returncode != 0:
            journal = self.try_to_run("journalctl --no-pager --lines=40").stdout
            pytest.fail(f"{commands}\n{ran.stdout}{ran.stderr}\n{journal}")
        return ran.stdout

    def try_to_run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run shell commands in the checkout, whatever comes of them."""
        inside = ["nsenter", f"--target={self.pid}", "--all", "/bin/bash", "-euo", "pipefail", "-c"]
        return subprocess.run(
            [*inside, f"cd /root/checkout\n{commands}"],
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                "HOME": "/root",
                # There is no network.
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": "/root/wheels",
            },
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def main_pid(self, unit: str) -> int:
        """The number of a unit's process, 0 where it does not run."""
        return int(self.run(f"systemctl show --property=MainPID --value {unit}"))


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """A machine that has this checkout, and the packages in its lock; skips where it cannot be."""
    group = _control_group()
    _need(os.geteuid() == 0, "it needs root")
    _need(group is not None, "it needs control groups of the second version")
    _need(Path(SYSTEMD).exists(), "it needs systemd: apt-get install systemd")
    _need(_can_run([PYTHON, "-c", "import ensurepip"]), "it needs python3-venv")
    _need(_can_run(["unshare", *NAMESPACES, "true"]), "this machine allows no namespaces")
    assert group is not None
    shutil.copytree(ROOT, folder / "checkout", ignore=NOT_SOURCES)
    _download(folder / "wheels")
    group.mkdir()
    enter = f'echo $$ >"{group}/cgroup.procs"; exec "$@"'
    boot = [str(ROOT / "tests" / "deploy" / "boot.sh"), str(folder)]
    with (folder / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", enter, "-", "unshare", *NAMESPACES, "--fork", "--kill-child", *boot],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        machine = Machine(_child(process, folder / "boot.log"))
        until(lambda: machine.try_to_run("systemctl is-active ready.target").returncode == 0)
        yield machine
    finally:
        process.kill()  # with it goes its child, the systemd, and with that all others
        process.wait()
        until(lambda: not (group / "cgroup.procs").exists() or _remove(group))


def _need(condition: bool, reason: str) -> None:
    if not condition:
        pytest.skip(f"cannot boot a systemd: {reason}")


def _can_run(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _control_group() -> Path | None:
    """Where this test's group of processes will be."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            return Path(fields.split()[4]) / f"stratum-stats-{os.getpid()}"
    return None


def _download(folder: Path) -> None:
    """Fetch what the lock names, for the machine's Python."""
    version = subprocess.run(
        [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
    ]
    wanted = ["--only-binary=:all:", f"--python-version={version}", "-r", "requirements.lock"]
    subprocess.run([*command, *wanted], cwd=ROOT, check=True)


def _child(process: subprocess.Popen[bytes], log: Path) -> int:
    """The number of the systemd that `process` forks, once it is one."""

    def found() -> int:
        assert process.poll() is None, log.read_text()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return 0

    return until(found)


def _remove(group: Path) -> bool:
    """Remove a group and those below it, once no process is left in any of them."""
    try:
        for folder in sorted(group.rglob("*/"), reverse=True):
            folder.rmdir()
        group.rmdir()
    except OSError:
        return False
    return True
