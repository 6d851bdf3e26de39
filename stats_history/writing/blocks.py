"""This module has promtool make blocks, and knows for which time a data directory takes them."""

import json
import os
import subprocess
from pathlib import Path

from stats_history.errors import HistoryError
from stats_history.writing.programs import die_with_parent
from stats_history.writing.slices import WIDTHS

HEAD_SECONDS = 4 * 3600
"""The time that Prometheus may still hold in memory: up to 3 h, and an hour to write it out.

A block that reaches into that range makes Prometheus drop its own samples there when it replays
its log at the next start.
"""


def check_data_folder(folder: Path) -> None:
    """Raise HistoryError unless blocks can be put into `folder`."""
    if not folder.is_dir():
        raise HistoryError(
            f"there is no folder {folder}: --into takes the folder that Prometheus was given as "
            "--storage.tsdb.path (make it first if Prometheus never ran)"
        )
    if not os.access(folder, os.W_OK):
        raise HistoryError(f"cannot write to {folder}: run as the user Prometheus runs as")


def head_start(folder: Path) -> int | None:
    """The unix second from which on Prometheus itself may hold samples in memory and log.

    None for a folder that no Prometheus has written to yet.
    """
    written = [path.stat().st_mtime for path in (folder / "wal").glob("*")]
    return int(max(written)) - HEAD_SECONDS if written else None


def make_blocks(
    promtool: str, text: Path, staging: Path, samples: int, seconds: int = WIDTHS[0]
) -> list[Path]:
    """The blocks that promtool makes of an OpenMetrics file, in a new folder in `staging`.

    A block spans as much as `seconds`, and promtool reads the text once for each block.
    Raises HistoryError when promtool fails, or when its blocks do not hold `samples` samples.
    """
    folder = staging / f"{text.stem}.blocks"
    folder.mkdir()
    command = [promtool, "tsdb", "create-blocks-from", f"--max-block-duration={seconds}s"]
    ran = subprocess.run(  # noqa: S603 - promtool from the PATH, and our own file names
        [*command, "openmetrics", str(text), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=die_with_parent,
    )
    if ran.returncode:
        reason = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
        raise HistoryError(f"promtool failed ({ran.returncode}): {' '.join(reason)}")
    metas = sorted(folder.glob("*/meta.json"))
    made = sum(json.loads(meta.read_text("utf-8"))["stats"]["numSamples"] for meta in metas)
    if made != samples:
        raise HistoryError(f"promtool's blocks hold {made} samples, not the {samples} written")
    return [meta.parent for meta in metas]


def sources_of(data: Path) -> set[str]:
    """The names of all blocks in a data directory, and of those that were compacted into them."""
    found: set[str] = set()
    for meta in data.glob("*/meta.json"):
        found.add(meta.parent.name)
        told = json.loads(meta.read_text("utf-8"))
        found.update(told.get("compaction", {}).get("sources", ()))
    return found


def give_to_owner_of(folder: Path, block: Path) -> None:
    """Hand a block to the user that Prometheus runs as, who deletes it later; only root can."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for path in (block, *block.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
