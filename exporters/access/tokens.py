"""Reads senders' tokens: one a line, then the sources that it opens, or none for all sources."""

from pathlib import Path

from exporters.access.file_modes import warn_if_exposed
from exporters.errors import ConfigError, errors_in
from exporters.settings.files import read_text
from stats_gateway.intake.access import TokenRule, token_rule


def read_tokens(path: Path) -> tuple[TokenRule, ...]:
    """The rules in the file at `path`. Raises `ConfigError`."""
    with errors_in(f"--ingest.token-file {path}"):
        rules = parse_tokens(read_text(path))
    warn_if_exposed(path, "tokens")
    return rules


def parse_tokens(text: str) -> tuple[TokenRule, ...]:
    """The rules in `text`; empty lines and lines that start with # do not count.

    Raises `ConfigError` where there is no token at all: that would let nobody in.
    """
    lines = (line.split() for line in text.splitlines())
    rules = tuple(
        token_rule(words[0], words[1:]) for words in lines if words and words[0][0] != "#"
    )
    if not rules:
        raise ConfigError("holds no token")
    return rules
