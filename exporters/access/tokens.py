"""The file of senders' tokens: one a line, then the sources it may be used for, else all."""

import logging
import stat
from pathlib import Path

from exporters.errors import ConfigError
from stats_gateway.intake.access import TokenRule, token_rule

log = logging.getLogger(__name__)


def read_tokens(path: Path) -> tuple[TokenRule, ...]:
    """The rules in the file; empty lines and those that start with # are nothing.

    Raises `ConfigError`, also for a file without any token: it would let nobody in.
    """
    try:
        text = path.read_text()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--ingest.token-file {path}: {error}") from error
    if mode & stat.S_IROTH:
        log.warning("%s holds tokens, and every user of this machine can read it", path)
    lines = (line.split() for line in text.splitlines())
    rules = tuple(
        token_rule(words[0], words[1:]) for words in lines if words and words[0][0] != "#"
    )
    if not rules:
        raise ConfigError(f"--ingest.token-file {path}: holds no token")
    return rules
