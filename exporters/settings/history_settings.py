"""Where history is asked for, and the settings that say so."""

import re
from dataclasses import dataclass
from pathlib import Path

from exporters.settings.addresses import parse_url
from exporters.settings.setting import Label, Setting, existing_file

_LABEL_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySource:
    """A Prometheus that scrapes this service."""

    prometheus_url: str | None = None
    authorization_file: Path | None = None
    labels: tuple[Label, ...] = ()


def labels(text: str) -> tuple[Label, ...]:
    """Labels as `NAME=VALUE,...`. Raises ValueError."""
    pairs = [pair.strip().partition("=") for pair in text.split(",")]
    if not all(equals and _LABEL_NAME.fullmatch(name) for name, equals, _ in pairs):
        raise ValueError(f"must be NAME=VALUE,..., not {text!r}")
    return tuple((name, value) for name, _, value in pairs)


HISTORY = (
    Setting(
        table="history",
        key="prometheus_url",
        metavar="URL",
        help="the Prometheus that scrapes this service, or another server with its API: "
        "turns /api/hashrate on",
        parse=parse_url,
    ),
    Setting(
        table="history",
        key="authorization_file",
        metavar="FILE",
        help="file with the Authorization header's value for it, such as 'Bearer TOKEN'; "
        "read again for each question",
        parse=existing_file,
    ),
    Setting(
        table="history",
        key="labels",
        metavar="NAME=VALUE,...",
        help="labels of this service's series, where that Prometheus scrapes other sites, too",
        parse=labels,
        default=(),
    ),
)
