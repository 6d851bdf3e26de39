"""This module makes a message of a line, and small keys of what a message holds.

One example of each kind: `{"id": 4, "method": "mining.submit", "params": ["w", "1f", ...]}` and
`{"id": 4, "result": true, "error": null}`.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from stats_feed.tap.reader.facts import Unreadable

MAX_WORKER_CHARACTERS = 128
"""The gateway cuts names to 128 bytes. A miner chooses its name, and must not choose our memory."""

MAX_KEY_CHARACTERS = 64
"""Ids of requests and jobs are a few characters; a longer one is kept as a digest."""

Message = Mapping[str, object]

Key = tuple[str, str] | int | float | str | None
"""An id of a request or a job, or a digest that stands for one that is longer than any real id."""

_BIGGEST = 2**63


def parse(line: bytes) -> Message | Unreadable:
    """Read a line; bytes that are no UTF-8 are replaced."""
    try:
        message: object = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return Unreadable.NOT_JSON
    return message if isinstance(message, dict) else Unreadable.NOT_OBJECT


def params_of(message: Message) -> Sequence[object]:
    """Return the parameters of a request; none where they are no list."""
    params = message.get("params")
    return params if isinstance(params, list) else ()


def worker_of(params: Sequence[object]) -> str | None:
    """Return the worker that mining.authorize and mining.submit name first."""
    if params and isinstance(params[0], str):
        return params[0][:MAX_WORKER_CHARACTERS]
    return None


def key_of(value: object) -> Key:
    """Return `value` where it is as small as ids are, else a digest that stands for it."""
    if isinstance(value, str) and len(value) <= MAX_KEY_CHARACTERS:
        return value
    if isinstance(value, bool | None):
        return None if value is None else ("bool", str(value))  # True would equal the number 1
    if isinstance(value, str | int | float):
        if not isinstance(value, str) and -_BIGGEST <= value <= _BIGGEST:
            return value
        return "digest", sha256(str(value).encode("utf-8", "replace")).hexdigest()
    return "other", type(value).__name__  # a list or an object, which no pool answers to
