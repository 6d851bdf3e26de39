"""Warns about files that hold secrets and that every user of the machine can read."""

import logging
import stat
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def warn_if_exposed(path: Path, secrets: str) -> None:
    """Log a warning where the file at `path`, which holds `secrets`, is open to every user."""
    with suppress(OSError, ValueError):  # whoever reads the file says what is wrong with it
        if path.stat().st_mode & stat.S_IROTH:
            log.warning("%s holds %s, and every user of this machine can read it", path, secrets)
