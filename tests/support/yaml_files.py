"""Files of YAML that many tests ask about, each read once in a process."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

Yaml = dict[str, Any]  # YAML has no types

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C takes a tenth of the time; a PyYAML that was built without libyaml lacks it."""


@cache
def read_yaml(path: Path) -> Yaml:
    """What a file holds, shared by all who ask: nobody may change it."""
    content: Yaml = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    return content
